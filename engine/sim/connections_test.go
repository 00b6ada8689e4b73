//go:build unix

package sim_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockstep-gitops/lockstep/engine/sim"
)

// As many connections as the system lets a process have, up to 10,000, are opened and
// left alone; others are answered all the while.
func TestManyConnections(t *testing.T) {
	g, err := sim.NewGroup(sim.Options{Key: testKey()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Tenant("development"))
	defer server.Close()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	n := min(10_000, int(min(limit.Cur, 1<<20))/2-200) // both ends are in this process
	if testing.Short() {
		n = min(n, 500)
	}
	address := strings.TrimPrefix(server.URL, "http://")
	var open []net.Conn
	defer func() {
		for _, c := range open {
			_ = c.Close()
		}
	}()
	for range n {
		c, err := net.DialTimeout("tcp", address, 30*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", len(open), err)
		}
		open = append(open, c)
		if len(open)%10 == 0 { // some say a little, and no more
			fmt.Fprintf(c, "GET /am/json HTTP/1.1\r\nHost: x\r\n")
		}
	}
	res, err := http.Get(server.URL + "/am/json/serverinfo/*")
	if err != nil {
		t.Fatal(err)
	}
	drain(res)
	if res.StatusCode != http.StatusOK {
		t.Errorf("status %d with %d open connections", res.StatusCode, n)
	}
	t.Logf("answered beside %d open connections", n)
}
