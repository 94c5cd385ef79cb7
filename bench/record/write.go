// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Writer writes one run. Its methods may be called from any goroutine.
type Writer struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64 // bytes of whole lines in file
}

// Create starts a run in a new file and writes what is known of it: the
// configuration lines in the order given, and what the units mean. A file that
// exists is not touched: that is an error that matches os.ErrExist.
func Create(path string, config []Label, units []Unit) (*Writer, error) {
	head, err := header(config, units)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("creating the results folder: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("creating the results file: %w", err)
	}
	w := &Writer{path: path, file: f}
	err = lock(f)
	if err == nil {
		err = w.append(head)
	}
	if err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return w, nil
}

// Append goes on with a run whose writer has ended, however that was: half a line at
// the end is cut off. While another writer has the file it is an error.
func Append(path string) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the results file: %w", err)
	}
	size, err := wholeLines(f)
	if err == nil {
		err = lock(f)
	}
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("going on with results file %s: %w", path, err)
	}
	return &Writer{path: path, file: f, size: size}, nil
}

// wholeLines returns how many bytes of a file are lines with their ends.
func wholeLines(f *os.File) (int64, error) {
	data, err := io.ReadAll(f)
	return int64(bytes.LastIndexByte(data, '\n') + 1), err
}

// lock makes this the one writer of a file.
func lock(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return errors.New("another run is writing it")
		}
		return fmt.Errorf("locking it: %w", err)
	}
	return nil
}

func header(config []Label, units []Unit) ([]byte, error) {
	var b []byte
	for _, c := range config {
		if !key.MatchString(c.Key) || strings.ContainsAny(c.Value, "\r\n") {
			return nil, fmt.Errorf("recording the configuration: bad line %q: %q", c.Key, c.Value)
		}
		b = fmt.Appendf(b, "%s: %s\n", c.Key, c.Value)
	}
	for _, u := range units {
		line, err := u.line()
		if err != nil {
			return nil, err
		}
		b = append(b, line...)
	}
	return append(b, '\n'), nil
}

// Path returns the file's name.
func (w *Writer) Path() string { return w.path }

// Write adds a sample.
func (w *Writer) Write(s Sample) error {
	line, err := s.line()
	if err != nil {
		return err
	}
	return w.append(line)
}

// Note adds a remark for a reader of the file; tools skip it.
func (w *Writer) Note(text string) error {
	return w.append([]byte("# " + strings.Join(strings.Fields(text), " ") + "\n"))
}

// append writes whole lines with one system call. When the disk is full nothing of
// them stays in the file.
func (w *Writer) append(lines []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, err := w.file.WriteAt(lines, w.size); err != nil {
		// Best effort: a reader drops a torn line anyway.
		_ = w.file.Truncate(w.size)
		return fmt.Errorf("writing results: %w", err)
	}
	w.size += int64(len(lines))
	return nil
}

// Close puts the samples on the disk and closes the file.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.file.Sync()
	if closing := w.file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("closing results: %w", err)
	}
	return nil
}
