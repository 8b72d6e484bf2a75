package contractwatch

import (
	"bytes"
	"io/fs"
	"path"
	"time"
)

// overlay is a folder in which one file has another content.
type overlay struct {
	fs.FS
	name string
	text []byte
}

// Open opens a file of the folder, or the other content.
func (o overlay) Open(name string) (fs.File, error) {
	if name == o.name {
		return &overlaid{overlay: o, Reader: bytes.NewReader(o.text)}, nil
	}
	return o.FS.Open(name)
}

// overlaid is the file with another content.
type overlaid struct {
	overlay
	*bytes.Reader
}

func (f *overlaid) Stat() (fs.FileInfo, error) { return f, nil }
func (f *overlaid) Close() error               { return nil }
func (f *overlaid) Name() string               { return path.Base(f.name) }
func (f *overlaid) Size() int64                { return int64(len(f.text)) }
func (f *overlaid) Mode() fs.FileMode          { return 0o444 }
func (f *overlaid) ModTime() time.Time         { return time.Time{} }
func (f *overlaid) IsDir() bool                { return false }
func (f *overlaid) Sys() any                   { return nil }
