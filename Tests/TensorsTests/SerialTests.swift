import Testing

/// Suites that change what belongs to the whole process (threads, the memory limit) or suffer from it: one at a time.
@Suite(.serialized) enum SerialTests {}
