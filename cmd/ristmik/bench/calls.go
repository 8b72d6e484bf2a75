package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// calls measures a SOAP call, build to parsed, against the rivals': CPU of the
// calling process.
func calls(ctx context.Context, o Options) ([]row, []string, error) {
	upstream, stop, err := serve(Small)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	job, clean, err := writeJob(upstream, o.Calls)
	if err != nil {
		return nil, nil, err
	}
	defer clean()
	contestants := []contestant{
		{name: "ours", cmd: func() *exec.Cmd { return o.child(ctx, RoleCaller, upstream, Small) }},
		{name: "zeep", goal: 20, cmd: func() *exec.Cmd { return exec.CommandContext(ctx, o.Python, "zeep-client.py") }},
		{name: "node-soap", goal: 15, cmd: func() *exec.Cmd { return exec.CommandContext(ctx, "node", "node-soap-client.mjs") }},
	}
	var notes []string
	best := map[string]measured{}
	for round := range o.Rounds {
		for i := range contestants {
			c := &contestants[i]
			if c.out {
				continue
			}
			cmd := c.cmd()
			if c.name != "ours" {
				cmd.Dir, cmd.Stdin = o.Rivals, bytes.NewReader(job)
			}
			m, err := read(cmd)
			if err != nil {
				if c.name == "ours" {
					return nil, nil, err
				}
				c.out = true
				notes = append(notes, fmt.Sprintf("%s is left out: %v", c.name, err))
				continue
			}
			if b, ok := best[c.name]; round == 0 || !ok || m.CPU < b.CPU {
				best[c.name] = m
			}
		}
	}
	var rows []row
	for _, c := range contestants[1:] {
		if c.out {
			continue
		}
		ours, rival := best["ours"].CPU, best[c.name].CPU
		rows = append(rows, row{
			what: "SOAP call of 2 KB, CPU, against " + best[c.name].Version, ours: micros(ours), rival: micros(rival),
			ratio: times(rival / ours), goal: fmt.Sprintf("≥ %.0f×", c.goal), met: rival/ours >= c.goal,
		})
	}
	return rows, notes, nil
}

// contestant is one caller.
type contestant struct {
	name string
	goal float64 // how many times cheaper ours is to be
	cmd  func() *exec.Cmd
	out  bool
}

// child is a command that has this program play a role.
func (o Options) child(ctx context.Context, role, upstream string, records int) *exec.Cmd {
	calls := o.Calls
	if records > Small {
		calls = max(5, calls/200)
	}
	return exec.CommandContext(ctx, o.Program, "bench", "child", role, "--upstream", upstream, "--calls", strconv.Itoa(calls), "--records", strconv.Itoa(records))
}

// read runs a calling process and reads what it measured.
func read(cmd *exec.Cmd) (measured, error) {
	var m measured
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, lastLine(stderr.Bytes()))
	}
	if err := json.Unmarshal(out, &m); err != nil {
		return m, fmt.Errorf("%s printed no measurement: %w", filepath.Base(cmd.Path), err)
	}
	return m, nil
}

func lastLine(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(lines[len(lines)-1])
}

// serve starts a stand-in.
func serve(records int) (address string, stop func(), err error) {
	handler, err := StandIn(records)
	if err != nil {
		return "", nil, err
	}
	return serveHandler(handler)
}

// serveHandler serves on a free port.
func serveHandler(handler http.Handler) (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}

// writeJob lays out what the rivals' scripts read: the description and the
// schemas in a folder, and the job.
func writeJob(endpoint string, calls int) (job []byte, clean func(), err error) {
	dir, err := os.MkdirTemp("", "ristmik-bench-")
	if err != nil {
		return nil, nil, err
	}
	clean = func() { _ = os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			clean()
		}
	}()
	if err := os.CopyFS(filepath.Join(dir, "contracts"), configs.Contracts()); err != nil {
		return nil, nil, err
	}
	if err := os.CopyFS(filepath.Join(dir, "catalogue"), contract.Catalogue()); err != nil {
		return nil, nil, err
	}
	parts := func(c soap.ClientID) []string { return []string{c.Instance, c.Class, c.Member, c.Subsystem} }
	job, err = json.Marshal(map[string]any{
		"wsdl": filepath.Join(dir, "contracts", Contract), "catalogue": filepath.Join(dir, "catalogue"), "endpoint": endpoint + "/",
		"client": parts(Client), "provider": parts(Service.Provider), "repeat": calls,
		"calls": []any{map[string]any{
			"operation": Service.Code, "version": Service.Version, "id": "0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11", "user_id": "EE81506151050", "issue": "C-1",
			"body": map[string]any{"request": question()},
		}},
	})
	return job, clean, err
}
