package postgres

import (
	"syscall"
	"testing"
)

// A child that is just being started has every file of its parent until it has become another program. The directory that
// the parent gives back meanwhile is free all the same.
func TestADirectoryThatIsGivenBackIsFree(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	first, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	child, err := syscall.Dup(int(first.lock.Fd())) // the same open file, as after a fork
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(child) })
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
	second, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.close(); err != nil {
		t.Error(err)
	}
}
