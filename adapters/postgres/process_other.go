//go:build !linux

package postgres

import "syscall"

// isolate puts the child into a process group of its own, so that Ctrl-C at
// the terminal does not stop the database before the hub has drained. This
// system cannot signal a child when its parent dies.
func isolate(attr *syscall.SysProcAttr, _ syscall.Signal) {
	attr.Setpgid = true
}

// workingIn returns process pid while it lives: this system does not tell the
// working directories of processes.
func workingIn(_ string, pid int) []int {
	if pid > 0 && alive(pid) {
		return []int{pid}
	}
	return nil
}

// isServer tells whether process pid is a PostgreSQL server; this system does
// not say, so it is taken for one.
func isServer(int) bool { return true }
