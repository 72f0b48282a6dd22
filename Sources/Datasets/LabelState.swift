/// What a report says of one pathology, as the CheXpert labeller gives it.
public enum LabelState: UInt8, CaseIterable, Sendable {
    /// Blank or `None`.
    case notMentioned = 0
    /// 1
    case positive = 1
    /// 0
    case negative = 2
    /// -1
    case uncertain = 3

    /// The CheXpert value: 1, 0, -1, or nil for not mentioned.
    public var value: Int? {
        switch self {
        case .notMentioned: return nil
        case .positive: return 1
        case .negative: return 0
        case .uncertain: return -1
        }
    }

    /// The state of a CheXpert value.
    /// - Throws: `DatasetError.value` for another number.
    public init(value: Int?) throws {
        switch value {
        case nil: self = .notMentioned
        case 1: self = .positive
        case 0: self = .negative
        case -1: self = .uncertain
        case let other?:
            throw DatasetError.value(
                operation: "label", message: "\(other) is no CheXpert value; they are 1, 0, -1 and none")
        }
    }
}

/// The fourteen states of one row, in the order of `Pathologies.names`.
public struct Labels: Equatable, Sendable {
    /// Two bits a pathology.
    private var states: UInt32 = 0

    /// All not mentioned.
    public init() {}

    /// The state of the pathology at a position of `Pathologies.names`; not mentioned for any other position.
    public internal(set) subscript(index: Int) -> LabelState {
        get {
            guard (0..<Pathologies.count).contains(index) else { return .notMentioned }
            return LabelState(rawValue: UInt8(states >> (2 * UInt32(index)) & 3)) ?? .notMentioned
        }
        set {
            guard (0..<Pathologies.count).contains(index) else { return }
            states &= ~(3 << (2 * UInt32(index)))
            states |= UInt32(newValue.rawValue) << (2 * UInt32(index))
        }
    }

    /// The state of a pathology.
    /// - Throws: `DatasetError.value` with the nearest name for an unknown one.
    public func state(of name: String) throws -> LabelState { self[try Pathologies.index(of: name)] }

    /// The fourteen states in order.
    public var all: [LabelState] { (0..<Pathologies.count).map { self[$0] } }
}
