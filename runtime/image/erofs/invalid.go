// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import "arcbox.dev/runtime/errdefs"

// invalid is an error for what the format or Linux cannot hold.
func invalid(format string, args ...any) error {
	return errdefs.New(errdefs.ErrInvalid, "", format, args...)
}
