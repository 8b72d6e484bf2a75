package bench

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// request is what drive sends to a front.
type request struct {
	address, path, contentType, head, body string
}

// host is where the request goes.
func (r request) host() string { return strings.TrimPrefix(r.address, "http://") }

// text is the request as it is sent.
func (r request) text() []byte {
	return []byte("POST " + r.path + " HTTP/1.1\r\nHost: " + r.host() + "\r\nContent-Type: " + r.contentType + "\r\n" + r.head +
		"Content-Length: " + strconv.Itoa(len(r.body)) + "\r\n\r\n" + r.body)
}

// drive sends a request n times over so many connections at once, and returns
// the median time of an exchange in microseconds.
func drive(r request, connections, n int) (p50 float64, err error) {
	host, text := r.host(), r.text()
	each := max(1, n/connections)
	took, errs := make([][]time.Duration, connections), make([]error, connections)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() { took[i], errs[i] = exchanges(host, text, each) })
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	all := slices.Concat(took...)
	slices.Sort(all)
	return float64(all[len(all)/2].Nanoseconds()) / 1000, nil
}

// exchanges sends a request n times over one connection.
func exchanges(host string, text []byte, n int) ([]time.Duration, error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	reader := bufio.NewReaderSize(conn, 64<<10)
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if _, err := conn.Write(text); err != nil {
			return nil, err
		}
		if err := skipAnswer(reader); err != nil {
			return nil, err
		}
		took[i] = time.Since(began)
	}
	return took, nil
}

// skipAnswer reads one good answer with a Content-Length.
func skipAnswer(r *bufio.Reader) error {
	length := -1
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		text := strings.TrimSpace(string(line))
		if first && !strings.HasPrefix(text, "HTTP/1.1 200") {
			return fmt.Errorf("the answer is %q", text)
		}
		if text == "" {
			break
		}
		if name, value, _ := strings.Cut(text, ": "); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("the answer has no length")
	}
	_, err := r.Discard(length)
	return err
}
