import Foundation

/// A clock that never goes back, for durations.
enum MonotonicClock {
    /// Seconds since some moment.
    static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// Wall-clock times as text in UTC.
enum WallClock {
    /// `2026-11-23T22:35:00Z`.
    static var iso: String { format("%Y-%m-%dT%H:%M:%SZ") }
    /// `20261123-223500`, for folder names.
    static var stamp: String { format("%Y%m%d-%H%M%S") }

    /// The same for a moment in seconds since 1970.
    static func iso(of moment: time_t) -> String { format("%Y-%m-%dT%H:%M:%SZ", at: moment) }

    private static func format(_ pattern: String, at moment: time_t = time(nil)) -> String {
        var now = moment
        var parts = tm()
        gmtime_r(&now, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let count = strftime(&buffer, buffer.count, pattern, &parts)
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
