import Files

/// How Euler's method and DPM-Solver++ spread the sigmas of their steps.
struct SigmaOptions: Sendable {
    /// How sigmas are spread.
    var spacing = SigmaSpacing.training
    /// The smallest sigma of Karras' and of exponential spacing; nil takes that of the schedule.
    var smallest: Double?
    /// The largest sigma of Karras' and of exponential spacing; nil takes that of the schedule.
    var largest: Double?
    /// The sigma after the last step.
    var final = FinalSigma.zero

    /// Sigmas as the timesteps lie.
    init() {}

    /// Reads the options.
    /// - Parameter choices: the flags that the scheduler has, with what they choose.
    /// - Throws: `FileError.malformed` for a wrong value, or two flags at once.
    init(_ reader: ConfigurationReader, _ choices: [(String, SigmaSpacing)]) throws {
        spacing = try Self.spacing(reader, choices)
        smallest = try Self.sigma(reader, "sigma_min")
        largest = try Self.sigma(reader, "sigma_max")
        final = try reader.choice("final_sigmas_type", default: .zero)
    }

    /// What the flags choose.
    /// - Throws: `FileError.malformed` for a wrong value, or two flags at once.
    static func spacing(_ reader: ConfigurationReader, _ choices: [(String, SigmaSpacing)]) throws -> SigmaSpacing {
        let chosen = try choices.filter { try reader.boolean($0.0, default: false) }
        guard chosen.count < 2 else {
            throw reader.fault(chosen[1].0, "cannot be used together with \(chosen[0].0)")
        }
        try reader.refuse("use_beta_sigmas")
        return chosen.first?.1 ?? .training
    }

    /// A number above 0, or nil where the key is absent.
    /// - Throws: `FileError.malformed` for another value.
    static func sigma(_ reader: ConfigurationReader, _ key: String) throws -> Double? {
        guard reader.value(key) != nil else { return nil }
        let sigma = try reader.number(key, 0...1e6, default: 0)
        guard sigma > 0 else { throw reader.fault(key, "wanted a number above 0, got 0") }
        return sigma
    }
}
