import Foundation
import Metrics

/// A statistic from outside of the room: the squared shift of the means, which is known for any sample.
struct MeanShift: Statistic {
    let name = "mean-shift"
    let column = "Mean shift"
    let about = "The squared distance between the sets' means."
    let direction = StatisticDirection.lower
    let input = StatisticInput.features
    let range = 0...Double.infinity
    let sizeBias = SizeBias.distance

    func estimator(_ settings: StatisticSettings) -> String { "plain" }
    func leastRows(_ settings: StatisticSettings) -> Int { 2 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        func means(_ set: FeatureSet) throws -> [Double] {
            let values = try set.tensor.array(Float.self)
            return (0..<set.dimension).map { column in
                stride(from: column, to: values.count, by: set.dimension).reduce(0) { $0 + Double(values[$1]) }
                    / Double(set.rows)
            }
        }
        return zip(try means(sample.real()), try means(sample.synthetic())).reduce(0) {
            $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
        }
    }
}

/// The mean of the synthetic set's first column: its error is known to every textbook.
struct FirstMean: Statistic {
    let name = "first-mean"
    let column = "First mean"
    let about = "A mean."
    let direction = StatisticDirection.higher
    let input = StatisticInput.features
    let comparesWithReal = false
    let sizeBias = SizeBias.none

    func estimator(_ settings: StatisticSettings) -> String { "plain" }
    func leastRows(_ settings: StatisticSettings) -> Int { 1 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        let set = try sample.synthetic()
        let values = try set.tensor.array(Float.self)
        return stride(from: 0, to: values.count, by: set.dimension).reduce(0) { $0 + Double(values[$1]) }
            / Double(set.rows)
    }
}

/// Counts the samples that are held at once.
final class SampleCount: Statistic, @unchecked Sendable {
    private struct Held { weak var sample: Sample? }

    let name = "count"
    let column = "Count"
    let about = "How many samples there are."
    let direction = StatisticDirection.lower
    let input = StatisticInput.features
    let sizeBias = SizeBias.slow
    private let lock = NSLock()
    private var seen: [Held] = []
    /// The samples that were looked at, and the most of them that were held at once.
    private(set) var looks = 0, most = 0

    func estimator(_ settings: StatisticSettings) -> String { "plain" }
    func leastRows(_ settings: StatisticSettings) -> Int { 1 }

    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double {
        lock.withLock {
            looks += 1
            seen = seen.filter { $0.sample != nil } + [Held(sample: sample)]
            most = max(most, seen.count)
            return Double(looks % 7)
        }
    }
}
