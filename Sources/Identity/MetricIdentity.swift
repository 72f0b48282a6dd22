/// All that decides what a number means. Numbers with different identities do not belong in one table.
///
/// Its text is made and read here alone, so that the cells of every table, the notes beside a published table and what
/// `chexgen diff` compares are the same words.
public struct MetricIdentity: Hashable, Sendable {
    /// The metric: `fid`, `kid`, `precision`.
    public var metric: String
    /// Whose definition is followed.
    public var definition: Protocol
    /// What the features depend on that the number was computed from.
    public var features: FeatureIdentity
    /// The estimator: `frechet-f64`, `mean of subsets, unbiased`.
    public var estimator: String
    /// Real images that entered.
    public var realCount: Int
    /// Synthetic images that entered.
    public var syntheticCount: Int
    /// The seed, where the estimator draws.
    public var seed: UInt64?
    /// The estimator's settings (`k`, `splits`, `subset_size`) and all else that changes the number, by name.
    public var details: [String: String]

    /// An identity from its parts.
    public init(
        metric: String, definition: Protocol, features: FeatureIdentity, estimator: String, realCount: Int,
        syntheticCount: Int, seed: UInt64? = nil, details: [String: String] = [:]
    ) {
        self.metric = metric
        self.definition = definition
        self.features = features
        self.estimator = estimator
        self.realCount = realCount
        self.syntheticCount = syntheticCount
        self.seed = seed
        self.details = details
    }

    /// The fields by name, in their order; details come last, sorted, as `details.NAME`.
    public var fields: [(name: String, value: String)] {
        var result: [(name: String, value: String)] = [("metric", metric), ("protocol", definition.rawValue)]
        result += features.fields
        result += [
            ("estimator", estimator), ("n_real", String(realCount)), ("n_synthetic", String(syntheticCount)),
            ("seed", seed.map { String($0) } ?? "none"),
        ]
        for name in details.keys.sorted() { result.append((MetricIdentity.prefix + name, details[name] ?? "")) }
        return result
    }

    /// Reads what `fields` gives, in any order.
    /// - Throws: `IdentityError` naming the field that is missing, unknown, twice there or of no sense.
    public init(fields: [(name: String, value: String)]) throws {
        var values: [String: String] = [:]
        for field in fields {
            guard values.updateValue(field.value, forKey: field.name) == nil else {
                throw IdentityError("the field \(field.name) is there twice")
            }
        }
        func text(_ name: String) throws -> String {
            guard let value = values.removeValue(forKey: name) else {
                throw IdentityError("the field \(name) is missing")
            }
            return value
        }
        func read<Value>(_ name: String, _ convert: (String) -> Value?) throws -> Value {
            let value = try text(name)
            guard let result = convert(value) else { throw IdentityError("the field \(name) cannot be \"\(value)\"") }
            return result
        }
        metric = try text("metric")
        definition = try read("protocol", Protocol.init(rawValue:))
        features = FeatureIdentity(
            encoder: try text("encoder"), source: FeatureIdentity.Source(text: try text("weights")),
            preprocessing: try text("preprocessing"), output: try text("output"), dtype: try text("dtype"),
            device: try read("device", DeviceKind.init(rawValue:)))
        estimator = try text("estimator")
        realCount = try read("n_real") { Int($0) }
        syntheticCount = try read("n_synthetic") { Int($0) }
        seed = try read("seed") { $0 == "none" ? .some(nil) : UInt64($0).map { .some($0) } }
        details = [:]
        for (name, value) in values {
            guard name.hasPrefix(MetricIdentity.prefix) else { throw IdentityError("there is no field \(name)") }
            details[String(name.dropFirst(MetricIdentity.prefix.count))] = value
        }
    }

    private static let prefix = "details."
}

/// A text or an object that is no identity.
public struct IdentityError: Error, Equatable, CustomStringConvertible {
    /// What is wrong, in a sentence.
    public let reason: String

    init(_ reason: String) { self.reason = reason }

    /// The message.
    public var description: String { "this is no identity of a number: \(reason)" }
}
