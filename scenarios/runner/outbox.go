// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"fmt"

	"arcbox.dev/bench/record"
)

// Sink keeps what a run gives, at once.
type Sink interface {
	Write(record.Sample) error
	Note(text string) error
}

// outbox passes on samples and notes to a sink, in order. What the sink does not
// take, as on a full disk, is kept and passed on as soon as it does again.
type outbox struct {
	sink Sink
	tell func(text string) // the user

	waiting []entry
	err     error // why, while something waits
}

// entry is a sample or a note.
type entry struct {
	sample *record.Sample // nil is a note
	note   string
}

func (o *outbox) sample(s record.Sample) { o.put(entry{sample: &s}) }
func (o *outbox) note(text string)       { o.put(entry{note: text}) }

func (o *outbox) put(e entry) {
	o.waiting = append(o.waiting, e)
	o.flush()
}

// flush passes on what waits, as far as the sink takes it, and tells the user when
// it ceases or begins to.
func (o *outbox) flush() {
	for len(o.waiting) > 0 {
		if err := o.pass(o.waiting[0]); err != nil {
			if o.err == nil {
				o.tell(fmt.Sprintf("%v: what is measured is kept in memory until it can be written", err))
			}
			o.err = err
			return
		}
		o.waiting = o.waiting[1:]
	}
	if o.err != nil {
		o.tell("the results are being written again; nothing is missing")
		o.err = nil
	}
}

func (o *outbox) pass(e entry) error {
	if e.sample != nil {
		return o.sink.Write(*e.sample)
	}
	return o.sink.Note(e.note)
}

// close makes a last attempt, and says what could not be written.
func (o *outbox) close() error {
	o.flush()
	if o.err == nil {
		return nil
	}
	samples := 0
	for _, e := range o.waiting {
		if e.sample != nil {
			samples++
		}
	}
	return fmt.Errorf("%d samples and %d notes could not be written: %w", samples, len(o.waiting)-samples, o.err)
}
