package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// account is the operating system user that PostgreSQL runs as. PostgreSQL
// refuses root, so a root process lends it another user's id.
type account struct {
	name     string
	uid, gid int
	switched bool // another user than this process's own
}

// ownAccount is the account for a new cluster: this process's own, or, as
// root, the user postgres, else nobody.
func ownAccount() (account, error) {
	if uid := os.Geteuid(); uid != 0 {
		return account{name: userName(uid), uid: uid, gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.Atoi(u.Uid)
		gid, errG := strconv.Atoi(u.Gid)
		if errU == nil && errG == nil && uid != 0 {
			return account{name: name, uid: uid, gid: gid, switched: true}, nil
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root, and this machine has neither a user postgres nor a user nobody to run it as")
}

// accountOf is the account for an existing cluster: the owner of its files.
func accountOf(dataDir string, own account) (account, error) {
	info, err := os.Stat(dataDir)
	if err != nil {
		return account{}, fmt.Errorf("look at cluster: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == own.uid {
		return own, nil
	}
	owner := account{name: userName(int(st.Uid)), uid: int(st.Uid), gid: int(st.Gid), switched: true}
	if os.Geteuid() != 0 {
		return account{}, fmt.Errorf("data directory %s belongs to user %s: start ristmik as that user or as root", dataDir, owner.name)
	}
	if owner.uid == 0 {
		return account{}, fmt.Errorf("data directory %s belongs to root, as whom PostgreSQL does not run: give it to user %s (chown -R)", dataDir, own.name)
	}
	return owner, nil
}

func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return strconv.Itoa(uid)
	}
	return u.Username
}

// phrase is " as user x" where the account is not this process's own.
func (a account) phrase() string {
	if !a.switched {
		return ""
	}
	return " as user " + a.name
}

// give makes path belong to the account.
func (a account) give(path string) error {
	if !a.switched {
		return nil
	}
	if err := os.Chown(path, a.uid, a.gid); err != nil {
		return fmt.Errorf("give %s to user %s: %w", path, a.name, err)
	}
	return nil
}

// command prepares a program that runs as the account, in dir, with a small
// fixed environment, so that no PGDATA or locale of the caller leaks in.
func (a account) command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + filepath.Dir(name) + ":/usr/bin:/bin"}
	if v := os.Getenv("LD_LIBRARY_PATH"); v != "" {
		cmd.Env = append(cmd.Env, "LD_LIBRARY_PATH="+v)
	}
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if a.switched {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return cmd
}

// mayEnter checks by trying that the account can work in dir; permission bits
// alone do not tell (access lists, namespaces). The error names the directory
// above that is closed.
func (a account) mayEnter(ctx context.Context, b binaries, dir string) error {
	if a.command(ctx, dir, b.postgres(), "--version").Run() == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	closed := dir
	for d := dir; ; d = filepath.Dir(d) {
		if info, err := os.Stat(d); err == nil && !a.traverses(info) {
			closed = d
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	return fmt.Errorf("directory %s cannot hold the database: PostgreSQL runs as user %s, who may not enter %s: choose another directory (for example under /var/lib), or open that one (chmod o+x %s)",
		dir, a.name, closed, closed)
}

func (a account) traverses(info os.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	switch {
	case int(st.Uid) == a.uid:
		return info.Mode()&0o100 != 0
	case int(st.Gid) == a.gid:
		return info.Mode()&0o010 != 0
	default:
		return info.Mode()&0o001 != 0
	}
}
