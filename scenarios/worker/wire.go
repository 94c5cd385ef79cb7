// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"arcbox.dev/scenarios/target"
)

// Protocol is the version of the messages. It is raised when one side can no longer
// understand what the other means.
const Protocol = 1

// maxMessage bounds a message, in bytes.
const maxMessage = 256 << 10

// maxText bounds the text of an error, in bytes.
const maxText = 8 << 10

// What the lab may ask of a worker.
const (
	opCheck   = "check"
	opPrepare = "prepare"
	opSample  = "sample"
	opCancel  = "cancel" // the request that is being worked on; it has no reply of its own
	opClose   = "close"
)

// hello is what a worker says first.
type hello struct {
	Protocol int `json:"arcbox-worker"`
}

// request is what the lab asks. A worker works on one at a time.
type request struct {
	ID       uint64 `json:"id"`
	Op       string `json:"op"`
	Scenario string `json:"scenario,omitempty"`
}

// reply answers the request of the same number: one of the other fields is set, or
// none where there is nothing to tell.
type reply struct {
	ID          uint64       `json:"id"`
	Failure     *failure     `json:"failure,omitempty"`
	Ready       *Ready       `json:"ready,omitempty"`
	Measurement *Measurement `json:"measurement,omitempty"`
}

// failure is an error on its way.
type failure struct {
	Text    string               `json:"text"`
	Missing *target.MissingError `json:"missing,omitempty"`
}

func failureOf(err error) *failure {
	f := &failure{Text: err.Error()}
	if len(f.Text) > maxText {
		f.Text = f.Text[:maxText] + " …"
	}
	var missing *target.MissingError
	if errors.As(err, &missing) {
		f.Missing = missing
	}
	return f
}

// remoteError is an error that a worker gave.
type remoteError struct{ failure }

func (e *remoteError) Error() string { return e.Text }

// Unwrap returns what the target lacks, so that the error matches target.ErrMissing.
func (e *remoteError) Unwrap() error {
	if e.Missing == nil {
		return nil
	}
	return e.Missing
}

// ErrBadMessage: the other side does not keep to the protocol.
var ErrBadMessage = errors.New("bad message")

// receiver reads messages, a JSON object a line.
type receiver struct{ lines *bufio.Reader }

func newReceiver(r io.Reader) receiver { return receiver{bufio.NewReaderSize(r, maxMessage)} }

// receive reads the next message into v. The end between two messages is io.EOF; a
// message that is too long, cut off or not JSON matches ErrBadMessage.
func (r receiver) receive(v any) error {
	line, err := r.lines.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("%w: longer than %d bytes", ErrBadMessage, maxMessage)
	case errors.Is(err, io.EOF) && len(line) > 0:
		return fmt.Errorf("%w: cut off", ErrBadMessage)
	case err != nil:
		return err
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%w: %w", ErrBadMessage, err)
	}
	return nil
}

// send writes a message with one call of Write.
func send(w io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBadMessage, err)
	}
	if len(line) >= maxMessage {
		return fmt.Errorf("%w: longer than %d bytes", ErrBadMessage, maxMessage)
	}
	_, err = w.Write(append(line, '\n'))
	return err
}
