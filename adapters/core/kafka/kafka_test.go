package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ristmik/adapters/core/kafka"
	"ristmik/adapters/core/subscriber"
	"ristmik/outbox"
)

const topic = "hub.events"

func newSink(t *testing.T, servers []string, timeout time.Duration) *kafka.Sink {
	t.Helper()
	s, err := kafka.New(kafka.Options{Servers: servers, Topic: topic, Plaintext: true, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func event(n int) subscriber.Event {
	id := fmt.Sprint("event-", n)
	return subscriber.Event{
		ID: id, Key: id + "/1", Type: "test.happened", Subject: fmt.Sprint("case-", n%5), Body: []byte(`{"specversion":"1.0","id":"` + id + `"}`), TraceParent: "00-a-b-01",
	}
}

// The protocol is that of franz-go's own broker, since no other one is to be
// had for tests. Events of a case are in one partition, in the order in which
// they were published; what the broker does not take is tried again.
func TestEventsOfACaseAreInOnePartitionInOrder(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(4, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	sink := newSink(t, cluster.ListenAddrs(), 10*time.Second)
	const events = 100
	refused := 0
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if refused++; refused%10 != 3 {
			return nil, nil, false
		}
		produce := req.(*kmsg.ProduceRequest)
		resp := produce.ResponseKind().(*kmsg.ProduceResponse)
		for _, asked := range produce.Topics {
			told := kmsg.NewProduceResponseTopic()
			told.Topic, told.TopicID = asked.Topic, asked.TopicID
			for _, p := range asked.Partitions {
				partition := kmsg.NewProduceResponseTopicPartition()
				partition.Partition, partition.ErrorCode = p.Partition, kerr.PolicyViolation.Code
				told.Partitions = append(told.Partitions, partition)
			}
			resp.Topics = append(resp.Topics, told)
		}
		return resp, nil, true
	})
	again := 0
	for n := range events {
		for {
			out := sink.Deliver(t.Context(), event(n))
			if out.Result == outbox.ResultDelivered && out.Exchange != "" {
				break
			}
			if out.Result != outbox.ResultRetry || out.Reason != "kafka_policy_violation" {
				t.Fatalf("%+v", out)
			}
			again++
		}
	}
	if again == 0 {
		t.Error("nothing was refused, so this test proves less than it says")
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	got, partitions := map[string][]string{}, map[string]map[int32]bool{}
	for count := 0; count < events; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			t.Fatal(err)
		}
		fetched.EachRecord(func(r *kgo.Record) {
			count++
			key := ""
			for _, h := range r.Headers {
				if h.Key == "message-key" {
					key = string(h.Value)
				}
			}
			got[string(r.Key)] = append(got[string(r.Key)], key)
			if partitions[string(r.Key)] == nil {
				partitions[string(r.Key)] = map[int32]bool{}
			}
			partitions[string(r.Key)][r.Partition] = true
		})
	}
	want := map[string][]string{}
	for n := range events {
		want[event(n).Subject] = append(want[event(n).Subject], event(n).Key)
	}
	for of, keys := range want {
		if !slices.Equal(keys, got[of]) || len(partitions[of]) != 1 {
			t.Errorf("%s in %d partitions:\n got %v\nwant %v", of, len(partitions[of]), got[of], keys)
		}
	}
}

// A broker that is away, and a topic that is not there, are told as such.
func TestWhatCannotBeTakenIsTriedAgain(t *testing.T) {
	t.Parallel()
	away := newSink(t, []string{"127.0.0.1:1"}, time.Second)
	if out := away.Deliver(t.Context(), event(1)); out.Result != outbox.ResultUnknown || !out.CountsAgainst {
		t.Errorf("%+v", out)
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	if out := newSink(t, cluster.ListenAddrs(), 5*time.Second).Deliver(t.Context(), event(1)); out.Result != outbox.ResultRetry || out.Reason != "kafka_unknown_topic_or_partition" {
		t.Errorf("%+v", out)
	}
}

func TestTopicsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]kafka.Options{
		"no server": {Topic: "t"}, "no topic": {Servers: []string{"a:9093"}}, "no port": {Servers: []string{"a"}, Topic: "t"},
		"no credentials": {Servers: []string{"a:9093"}, Topic: "t", CredentialsFile: "/nonexistent"},
	} {
		if _, err := kafka.New(o); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
