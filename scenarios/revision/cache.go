// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"
)

// Cache is a folder with builds. Only one process at a time has it open. The builds
// of a few commits stay for the next one; all others are gone when it opens.
type Cache struct {
	dir      string
	lock     *os.File
	settling time.Duration // how long programs rest before they are used
}

// ErrBusy: another process has the cache open.
var ErrBusy = errors.New("another comparison is at work")

const (
	keepCommits = 4                       // builds of commits that stay
	recipeFile  = "recipe"                // beside a commit's programs, once all of them are there
	tempPattern = ".building-*"           // sources; left over only where a process was killed
	settling    = 1500 * time.Millisecond // more than the second after which the runtime believes a file to be unchanged
)

// OpenCache opens the cache in a folder, which it makes if it is not there. The
// caller closes it when the builds are not in use any more.
func OpenCache(dir string) (*Cache, error) {
	dir, err := filepath.Abs(dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the cache of builds: %w", err)
	}
	lock, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the cache of builds: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w (wait for it to end: two at once would disturb each other)", ErrBusy)
		}
		return nil, fmt.Errorf("opening the cache of builds in %s: %w", dir, err)
	}
	c := &Cache{dir: dir, lock: lock, settling: settling}
	if err := c.prune(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close gives the folder up to other processes. The builds stay.
func (c *Cache) Close() error { return c.lock.Close() }

func (c *Cache) folder(name string) string { return filepath.Join(c.dir, name) }

// kept says whether a commit's build is there, and made by that recipe.
func (c *Cache) kept(name, recipe string) bool {
	path := filepath.Join(c.folder(name), recipeFile)
	made, err := os.ReadFile(path)
	if err != nil || string(made) != recipe {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // best effort: it says which builds to remove first
	return true
}

// keep marks a commit's build as complete.
func (c *Cache) keep(name, recipe string) error {
	if err := os.WriteFile(filepath.Join(c.folder(name), recipeFile), []byte(recipe), 0o644); err != nil {
		return fmt.Errorf("keeping a build: %w", err)
	}
	return nil
}

// made matches the folders that a Cache makes, and nothing else that a user may
// have put beside them.
var made = regexp.MustCompile(`^([0-9a-f]{12}|working-tree|variant-[0-9]{4}|\.building-[0-9]+)$`)

// prune removes all builds but those of the commits that were used last.
func (c *Cache) prune() error {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("clearing the cache of builds: %w", err)
	}
	used := map[string]time.Time{} // by folder; the zero time for what is not to be kept
	var folders []string
	for _, e := range entries {
		if !e.IsDir() || !made.MatchString(e.Name()) {
			continue
		}
		folders = append(folders, e.Name())
		if info, err := os.Stat(filepath.Join(c.folder(e.Name()), recipeFile)); err == nil {
			used[e.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(folders, func(a, b string) int { return used[b].Compare(used[a]) })
	for i, name := range folders {
		if i < keepCommits && !used[name].IsZero() {
			continue
		}
		if err := os.RemoveAll(c.folder(name)); err != nil {
			return fmt.Errorf("clearing the cache of builds: %w", err)
		}
	}
	return nil
}
