import Identity

/// What the numbers of a row are of.
public enum Counted: Equatable, Sendable {
    /// Real and synthetic films.
    case films
    /// Reports, beside those that radiologists wrote.
    case reports

    /// What a number is of; films where nobody says it.
    init(_ identity: MetricIdentity?) { self = identity?.details["reports"] == nil ? .films : .reports }

    /// What stands over the number of those that are compared with.
    var real: String { self == .films ? "real films" : "references" }
    /// What stands over the number of those that are measured.
    var synthetic: String { self == .films ? "synthetic films" : "reports" }
}
