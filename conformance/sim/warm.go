package sim

import "sync"

// warmUp makes, outside of all bubbles, what the process makes once: channels that
// were made in a bubble cannot be used in another.
var warmUp = sync.OnceFunc(func() {})
