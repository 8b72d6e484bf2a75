package postgres

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// isolate puts the child into a process group of its own, so that Ctrl-C at
// the terminal does not stop the database before the hub has drained, and has
// the kernel send it onDeath when this process dies, even by kill -9.
func isolate(attr *syscall.SysProcAttr, onDeath syscall.Signal) {
	attr.Setpgid = true
	attr.Pdeathsig = onDeath
}

// workingIn returns the processes whose working directory is dir: the server
// and its children, while they live.
func workingIn(dir string, _ int) []int {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil
	}
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	var pids []int
	for _, link := range links {
		if cwd, err := os.Readlink(link); err == nil && cwd == real {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// isServer tells whether process pid is a PostgreSQL server, as far as this
// process may look.
func isServer(pid int) bool {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return err != nil || filepath.Base(exe) == "postgres" || filepath.Base(exe) == "postgres (deleted)"
}
