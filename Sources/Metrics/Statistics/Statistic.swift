/// Which features a statistic is about.
public enum StatisticInput: String, CaseIterable, Sendable {
    /// The features of every encoder: a column for each of them.
    case features
    /// The features of the encoder in whose space neighbours are looked for.
    case neighbours
    /// The output that tells classes apart.
    case logits
    /// Radiomic features, which need no encoder.
    case radiomics
}

/// Which values of a statistic are better.
public enum StatisticDirection: String, CaseIterable, Sendable {
    case lower, higher
}

/// How the expected value of a statistic depends on the number of images.
public enum SizeBias: String, CaseIterable, Sendable {
    /// Not at all: it is unbiased.
    case none
    /// A distance that is 0 for two endless sets of one distribution and lies above its limit by a term in 1/N for finite
    /// ones, as the Fréchet distance does.
    case distance
    /// It has a limit for endless sets and lies off it by a term in 1/N, as the Inception Score does.
    case inverse
    /// It changes with N slowly and by no simple law, as precision and recall do.
    case slow

    /// Whether a value for endless sets can be extrapolated in 1/N.
    public var hasLimit: Bool { self == .distance || self == .inverse }
}

/// A statistic of a whole pair of sets, as tables print it.
public struct Reading: Equatable, Sendable {
    /// The value.
    public var value: Double
    /// The value before `Statistic.shown`, where it is extrapolated.
    public var raw: Double
    /// The deviation over subsets or splits, where the estimator has them.
    public var spread: Double?
    /// The variance that the estimator's own draws add, beside that of the images.
    public var drawVariance: Double

    /// A reading; `raw` is the value itself where it is not given.
    public init(_ value: Double, raw: Double? = nil, spread: Double? = nil, drawVariance: Double = 0) {
        self.value = value
        self.raw = raw ?? value
        self.spread = spread
        self.drawVariance = drawVariance
    }
}

/// A number about a set of real and a set of synthetic images, and all that the program says of it: from an entry in
/// `StatisticRegistry` follow its columns, its interval, its value for endless sets, its floor, its identity and its
/// documentation, and from the settings that it declares all that there is of these. A new one is a file with a type, and a line
/// in `StatisticRegistry.standard`.
public protocol Statistic: Sendable {
    /// The name for scripts and identities: `fid`.
    var name: String { get }
    /// The column in tables, before an encoder's ending: `FID`.
    var column: String { get }
    /// What it is, in a sentence, with the source of the formula.
    var about: String { get }
    /// Which values are better.
    var direction: StatisticDirection { get }
    /// Which features it is about.
    var input: StatisticInput { get }
    /// Whether it compares with the real set; the Inception Score looks at the synthetic set alone.
    var comparesWithReal: Bool { get }
    /// The values that occur; an interval does not leave them.
    var range: ClosedRange<Double> { get }
    /// How its expected value depends on the number of images.
    var sizeBias: SizeBias { get }
    /// Whether its estimator has a deviation over subsets or splits.
    var hasSpread: Bool { get }
    /// The settings that it has of its own; several statistics may share one.
    var ownSettings: [StatisticSetting] { get }

    /// The estimator, for the identity.
    func estimator(_ settings: StatisticSettings) -> String
    /// The estimator's settings for sets of so many rows, for the identity.
    func details(_ settings: StatisticSettings, real: Int, synthetic: Int) -> [String: String]
    /// Whether the printed value of sets of so many rows depends on the seed.
    func isDrawn(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Bool
    /// The fewest rows of each set that it can be computed from.
    func leastRows(_ settings: StatisticSettings) -> Int
    /// The fewest rows of each part of a set that intervals and floors are made of.
    func leastRowsOfParts(_ settings: StatisticSettings) -> Int
    /// What is worth knowing about the value of sets of so many rows.
    func note(_ settings: StatisticSettings, real: Int, synthetic: Int) -> String?

    /// The expected value for two sets of so many unrelated images of one distribution, where it follows from symmetry; what
    /// is not known is measured (`Floor`).
    func knownFloor(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Double?

    /// The value of whole sets as the definition wants it, quirks and all.
    /// - Throws: `MetricError`.
    func reading(_ whole: Sample, _ settings: StatisticSettings) throws -> Reading
    /// The value of some rows, from which intervals, limits and floors are made; its expectation is that of `reading` for as
    /// many rows.
    /// - Throws: `MetricError`.
    func value(_ sample: Sample, _ settings: StatisticSettings) throws -> Double
    /// Whether `values` shares work between samples.
    var sharesWork: Bool { get }
    /// The values of many samples of one pair.
    /// - Throws: `MetricError`.
    func values(_ samples: [Sample], _ settings: StatisticSettings) throws -> [Double]
    /// What tables print for a value: the logarithm, for the Fréchet Radiomics Distance.
    func shown(_ raw: Double, _ settings: StatisticSettings) -> Double
    /// What tables print for a value for endless sets that is extrapolated from `whole`, the raw value at hand, and may lie
    /// outside of what the statistic can be.
    func shownLimit(_ raw: Double, of whole: Double, _ settings: StatisticSettings) -> Double
}

extension Statistic {
    /// Most statistics compare two sets.
    public var comparesWithReal: Bool { true }
    /// Any value may occur.
    public var range: ClosedRange<Double> { -.infinity ... .infinity }
    /// One number.
    public var hasSpread: Bool { false }
    /// None.
    public var ownSettings: [StatisticSetting] { [] }
    /// Those that it declares.
    public func details(_ settings: StatisticSettings, real: Int, synthetic: Int) -> [String: String] {
        Dictionary(ownSettings.map { ($0.name, settings[$0].description) }, uniquingKeysWith: { first, _ in first })
    }
    /// Nothing is drawn.
    public func isDrawn(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Bool { false }
    /// Nothing is known.
    public func knownFloor(_ settings: StatisticSettings, real: Int, synthetic: Int) -> Double? { nil }
    /// As of whole sets.
    public func leastRowsOfParts(_ settings: StatisticSettings) -> Int { leastRows(settings) }
    /// Every sample on its own.
    public var sharesWork: Bool { false }
    /// Nothing to say.
    public func note(_ settings: StatisticSettings, real: Int, synthetic: Int) -> String? { nil }
    /// The value of all rows.
    public func reading(_ whole: Sample, _ settings: StatisticSettings) throws -> Reading {
        let raw = try value(whole, settings)
        return Reading(shown(raw, settings), raw: raw)
    }
    /// Sample by sample.
    public func values(_ samples: [Sample], _ settings: StatisticSettings) throws -> [Double] {
        try samples.map { try value($0, settings) }
    }
    /// The value itself.
    public func shown(_ raw: Double, _ settings: StatisticSettings) -> Double { raw }
    /// As other values.
    public func shownLimit(_ raw: Double, of whole: Double, _ settings: StatisticSettings) -> Double {
        shown(raw, settings)
    }

    /// Why it cannot be computed from sets of so many rows; nil where it can.
    public func refusal(_ settings: StatisticSettings, real: Int, synthetic: Int) -> String? {
        let least = leastRows(settings)
        if comparesWithReal && (real < least || synthetic < least) {
            return "needs \(least) images on each side; there are \(real) real and \(synthetic) synthetic ones"
        }
        return synthetic < least ? "needs \(least) images; there are \(synthetic)" : nil
    }
}
