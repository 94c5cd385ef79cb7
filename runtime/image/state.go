// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// stateTimeout bounds the wait for others to be done with state.db.
const stateTimeout = 10 * time.Second

// The buckets of state.db.
var (
	bucketImages  = []byte("images")  // ID: record
	bucketNames   = []byte("names")   // name: ID
	bucketLayers  = []byte("layers")  // key: layer.Info
	bucketSources = []byte("sources") // path of an archive: source
)

// tx is a transaction on state.db.
type tx struct{ *bbolt.Tx }

// view runs f on the state as it is. Where there is none yet f does not run.
func (s *Store) view(ctx context.Context, f func(tx) error) error {
	err := s.locked(ctx, shared, func() error {
		db, err := bbolt.Open(s.file("state.db"), 0o600, &bbolt.Options{ReadOnly: true, Timeout: stateTimeout})
		if err != nil {
			return s.damaged(err)
		}
		defer db.Close()
		return db.View(func(t *bbolt.Tx) error { return f(tx{t}) })
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// update runs f and keeps what it changed, unless it fails.
func (s *Store) update(ctx context.Context, f func(tx) error) error {
	return s.locked(ctx, exclusive, func() error {
		if err := s.createState(); err != nil {
			return err
		}
		db, err := bbolt.Open(s.file("state.db"), 0o600, &bbolt.Options{Timeout: stateTimeout, FreelistType: bbolt.FreelistMapType})
		if err != nil {
			return s.damaged(err)
		}
		defer db.Close()
		return db.Update(func(t *bbolt.Tx) error { return f(tx{t}) })
	})
}

// locked runs f under state.lock, which spares the holders bbolt's own waiting in
// steps of 50 ms.
func (s *Store) locked(ctx context.Context, kind lockKind, f func() error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patience)
	defer cancel()
	lock, err := waitLock(ctx, s.file("state.lock"), kind)
	if errors.Is(err, context.DeadlineExceeded) {
		return errdefs.New(errdefs.ErrUnavailable, "see which process holds it", "image store is busy: %w", err)
	}
	if err != nil {
		return fmt.Errorf("opening image store: %w", err)
	}
	defer lock.Close()
	defer func() {
		if p := recover(); p != nil { // bbolt's answer to a damaged page
			err = s.damaged(fmt.Errorf("reading state.db: %v", p))
		}
	}()
	return f()
}

// damaged gives an error of opening state.db its class. What is not the system's
// complaint or a timeout comes from what is in the file.
func (s *Store) damaged(err error) error {
	var no unix.Errno
	// EBADF: the file is empty, and bbolt fills it, though it was opened to be read.
	if errors.Is(err, berrors.ErrTimeout) || errors.As(err, &no) && no != unix.EBADF {
		return err
	}
	return errdefs.New(errdefs.ErrCorrupt, "remove it and load the images again", "image store %s is damaged: %w", s.dir, err)
}

// createState makes an empty state.db where there is none. bbolt's own way would
// leave half a file behind if the process died.
func (s *Store) createState() error {
	path := s.file("state.db")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := path + ".new" // under the lock there is only one
	os.Remove(fresh)
	db, err := bbolt.Open(fresh, 0o600, &bbolt.Options{Timeout: stateTimeout})
	if err != nil {
		return err
	}
	err = db.Update(func(t *bbolt.Tx) error {
		for _, name := range [][]byte{bucketImages, bucketNames, bucketLayers, bucketSources} {
			if _, err := t.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		os.Remove(fresh)
		return err
	}
	return publish(fresh, path)
}

// get reads the value under the key into v and says whether it is there.
func (t tx) get(bucket []byte, key string, v any) (bool, error) {
	b := t.Bucket(bucket)
	if b == nil {
		return false, nil
	}
	data := b.Get([]byte(key))
	if data == nil {
		return false, nil
	}
	if err := json.Unmarshal(data, v); err != nil {
		return false, errdefs.New(errdefs.ErrCorrupt, "", "image store: %s %q: %w", bucket, key, err)
	}
	return true, nil
}

func (t tx) put(bucket []byte, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return t.Bucket(bucket).Put([]byte(key), data)
}

func (t tx) delete(bucket []byte, key string) error {
	return t.Bucket(bucket).Delete([]byte(key))
}

// each calls f with every value of the bucket, in the order of keys. f must not
// change the bucket.
func each[V any](t tx, bucket []byte, f func(key string, v V) error) error {
	b := t.Bucket(bucket)
	if b == nil {
		return nil
	}
	return b.ForEach(func(k, data []byte) error {
		var v V
		if err := json.Unmarshal(data, &v); err != nil {
			return errdefs.New(errdefs.ErrCorrupt, "", "image store: %s %q: %w", bucket, k, err)
		}
		return f(string(k), v)
	})
}
