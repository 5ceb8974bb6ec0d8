// Package clock has the host's time. In tests it can stand still.
package clock

import (
	"time"

	"hookyard/internal/host"
)

// Now returns the time, in UTC. To measure a duration, use time.Now, which has the monotonic clock.
func Now() time.Time { return host.Now() }
