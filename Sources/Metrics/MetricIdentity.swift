import Files
import Identity

/// All that decides what a number means. Numbers with different identities do not belong in one table.
public struct MetricIdentity: Equatable, Sendable {
    /// The metric: `fid`, `kid`, `prdc.precision`.
    public var metric: String
    /// Whose definition is followed.
    public var definition: Protocol
    /// The network that made the features.
    public var encoder: String
    /// SHA-256 of the network's weights, in hexadecimal.
    public var weights: String
    /// How images became the network's input.
    public var preprocessing: String
    /// The dtype that the network ran in.
    public var dtype: String
    /// The estimator and its options: `unbiased, 100 subsets of 1000`, `k = 5`.
    public var estimator: String
    /// Real images that entered.
    public var realCount: Int
    /// Synthetic images that entered.
    public var syntheticCount: Int
    /// The seed, where the estimator draws.
    public var seed: UInt64?
    /// Anything else that changes the number, such as rows skipped or a label policy, by name.
    public var details: [String: String]

    /// An identity from its fields.
    public init(
        metric: String, definition: Protocol, encoder: String, weights: String, preprocessing: String,
        dtype: String, estimator: String, realCount: Int, syntheticCount: Int, seed: UInt64? = nil,
        details: [String: String] = [:]
    ) {
        self.metric = metric
        self.definition = definition
        self.encoder = encoder
        self.weights = weights
        self.preprocessing = preprocessing
        self.dtype = dtype
        self.estimator = estimator
        self.realCount = realCount
        self.syntheticCount = syntheticCount
        self.seed = seed
        self.details = details
    }

    /// The fields by name, in their order; details come last, sorted, as `details.NAME`.
    public var fields: [(name: String, value: String)] {
        var result = [
            ("metric", metric), ("protocol", definition.rawValue), ("encoder", encoder), ("weights", weights),
            ("preprocessing", preprocessing), ("dtype", dtype), ("estimator", estimator),
            ("n_real", String(realCount)), ("n_synthetic", String(syntheticCount)),
            ("seed", seed.map { String($0) } ?? "none"),
        ]
        for name in details.keys.sorted() { result.append(("details.\(name)", details[name] ?? "")) }
        return result.map { (name: $0.0, value: $0.1) }
    }

    /// One line: `metric=fid; protocol=exact; …`. Values with `;`, `=` or `"` are quoted as JSON strings.
    public var text: String {
        fields.map { field in
            let isPlain = !field.value.contains { ";=\"\n".contains($0) } && !field.value.isEmpty
            return "\(field.name)=\(isPlain ? field.value : JSON.string(field.value).text())"
        }.joined(separator: "; ")
    }

    /// The identity as a JSON object with the names of `fields`; counts and seed are numbers.
    public var json: JSON {
        .object([
            ("metric", .string(metric)), ("protocol", .string(definition.rawValue)), ("encoder", .string(encoder)),
            ("weights", .string(weights)), ("preprocessing", .string(preprocessing)), ("dtype", .string(dtype)),
            ("estimator", .string(estimator)), ("n_real", .integer(realCount)),
            ("n_synthetic", .integer(syntheticCount)), ("seed", seedValue),
            ("details", .object(details.keys.sorted().map { ($0, .string(details[$0] ?? "")) })),
        ])
    }

    /// Reads what `json` wrote.
    /// - Throws: `MetricError.value` naming the key that is missing or has the wrong type.
    public init(json: JSON) throws {
        func wrong(_ key: String) -> MetricError {
            MetricError.value(metric: "metric identity", message: "the key \(key) is missing or has the wrong type")
        }
        func text(_ key: String) throws -> String {
            guard let value = json[key]?.string else { throw wrong(key) }
            return value
        }
        func number(_ key: String) throws -> Int {
            guard let value = json[key]?.integer else { throw wrong(key) }
            return value
        }
        guard let definition = Protocol(rawValue: try text("protocol")) else { throw wrong("protocol") }
        var seed: UInt64?
        switch json["seed"] {
        case .null?: seed = nil
        case .string(let digits)?: seed = UInt64(digits)
        case let value?: seed = value.integer.flatMap { UInt64(exactly: $0) }
        case nil: throw wrong("seed")
        }
        if seed == nil && json["seed"] != .null { throw wrong("seed") }
        guard let members = json["details"]?.object else { throw wrong("details") }
        var details: [String: String] = [:]
        for member in members {
            guard let value = member.value.string else { throw wrong("details.\(member.key)") }
            details[member.key] = value
        }
        self.init(
            metric: try text("metric"), definition: definition, encoder: try text("encoder"),
            weights: try text("weights"), preprocessing: try text("preprocessing"), dtype: try text("dtype"),
            estimator: try text("estimator"), realCount: try number("n_real"),
            syntheticCount: try number("n_synthetic"), seed: seed, details: details)
    }

    /// One field in which two identities differ.
    public struct Difference: Equatable, Sendable {
        /// The field's name.
        public let field: String
        /// Its value here; empty where the field is absent.
        public let ours: String
        /// Its value there; empty where the field is absent.
        public let theirs: String
    }

    /// The fields in which two identities differ; none where the numbers may be compared.
    public func differences(from other: MetricIdentity) -> [Difference] {
        let theirs = Dictionary(uniqueKeysWithValues: other.fields.map { ($0.name, $0.value) })
        let ours = Dictionary(uniqueKeysWithValues: fields.map { ($0.name, $0.value) })
        let names = fields.map(\.name) + other.fields.map(\.name).filter { ours[$0] == nil }
        return names.compactMap { name in
            if ours[name] == theirs[name] { return nil }
            return Difference(field: name, ours: ours[name] ?? "", theirs: theirs[name] ?? "")
        }
    }

    /// A seed above the largest integer of JSON's reader is written as a string of digits.
    private var seedValue: JSON {
        guard let seed else { return .null }
        return Int(exactly: seed).map { JSON.integer($0) } ?? .string(String(seed))
    }
}
