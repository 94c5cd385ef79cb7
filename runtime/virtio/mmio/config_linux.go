// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import "arcbox.dev/runtime/virtio"

// watchConfig reads the configuration space, now and whenever the device says that
// it has changed. A device may say so with locks held that reading needs, so that a
// goroutine reads.
func (t *Transport) watchConfig() {
	t.mu.Lock()
	defer t.mu.Unlock()
	d, ok := t.dev.(virtio.ConfigChanger)
	if ok {
		d.OnConfigChange(t.configChanged)
		t.watcher.Go(t.followConfig)
	}
	t.dev.ReadConfig(0, t.config[:])
	t.page.setConfig(&t.config)
}

// configChanged is called by the device. It never blocks.
func (t *Transport) configChanged() {
	select {
	case t.changes <- struct{}{}:
	default: // a change that nobody has looked at yet
	}
}

// followConfig shows changes to the driver until Close.
func (t *Transport) followConfig() {
	for {
		select {
		case <-t.done:
			return
		case <-t.changes:
		}
		t.mu.Lock()
		if !t.closed {
			t.refresh()
			t.notifyConfig()
		}
		t.mu.Unlock()
	}
}

// refresh reads the configuration space anew. If it has changed, the generation has
// one value before, another one meanwhile, and a third afterwards (virtio 1.2
// §2.5.1): a driver whose reads of a wide field straddle the change sees two of
// them. One that fits in between whole is told again by the interrupt that follows.
func (t *Transport) refresh() {
	t.dev.ReadConfig(0, t.config[:])
	if !t.page.differs(&t.config) {
		return
	}
	t.generation.Add(1)
	t.page.setConfig(&t.config)
	t.generation.Add(1)
}

// writeConfig passes on what the driver writes to the configuration space.
func (t *Transport) writeConfig(off uint32, p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return
	}
	t.dev.WriteConfig(off, p[:min(len(p), int(ConfigSize-off))])
	t.refresh()
}
