/// A setting of a statistic's own, such as which neighbour bounds a ball. From its declaration follow an option of the functions
/// that measure, a parameter of the experiments that do, their texts and bounds, and what identities say of it.
public struct StatisticSetting: Equatable, Sendable {
    /// What a setting may hold.
    public enum Value: Equatable, Sendable, CustomStringConvertible {
        case whole(Int)
        case number(Double)

        /// As a number.
        public var number: Double {
            switch self {
            case .whole(let value): return Double(value)
            case .number(let value): return value
            }
        }

        /// As identities and errors write it.
        public var description: String {
            switch self {
            case .whole(let value): return String(value)
            case .number(let value): return String(value)
            }
        }
    }

    /// What scripts and identities call it: `k`.
    public let name: String
    /// What the parameters of experiments call it: `nearest_k`.
    public let parameter: String
    /// What it is, in a sentence.
    public let about: String
    /// What it is where nobody says it.
    public let standard: Value
    /// The least and the greatest value. Sums of whole numbers and of numbers of rows must not overflow within these bounds, and a
    /// loop over one must end.
    public let low, high: Value

    /// A whole number.
    public init(
        _ name: String, parameter: String? = nil, default standard: Int, in range: ClosedRange<Int>, _ about: String
    ) {
        self.init(name, parameter, .whole(standard), .whole(range.lowerBound), .whole(range.upperBound), about)
    }

    /// A number.
    public init(
        _ name: String, parameter: String? = nil, default standard: Double, in range: ClosedRange<Double>,
        _ about: String
    ) {
        self.init(name, parameter, .number(standard), .number(range.lowerBound), .number(range.upperBound), about)
    }

    private init(
        _ name: String, _ parameter: String?, _ standard: Value, _ low: Value, _ high: Value, _ about: String
    ) {
        self.name = name
        self.parameter = parameter ?? name
        self.about = about
        (self.standard, self.low, self.high) = (standard, low, high)
    }

    /// Whether it is a whole number.
    public var isWhole: Bool {
        if case .whole = standard { return true } else { return false }
    }

    /// What is wrong with a value; nil where it may be.
    public func fault(_ value: Value) -> String? {
        if case .number = value, isWhole { return "\(name) must be a whole number, got \(value)" }
        return value.number >= low.number && value.number <= high.number
            ? nil : "\(name) must be \(low) to \(high), got \(value)"
    }
}
