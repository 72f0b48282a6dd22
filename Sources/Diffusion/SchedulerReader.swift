import Files

/// Reads the keys of a `scheduler_config.json`; null counts as absent.
struct SchedulerReader {
    let name: String
    private let values: [String: JSON]

    init(_ json: JSON, name: String) throws {
        guard let object = json.object else {
            throw FileError.malformed(path: name, location: "", reason: "wanted a JSON object")
        }
        self.name = name
        values = Dictionary(object.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
    }

    func fault(_ key: String, _ reason: String) -> FileError {
        FileError.malformed(path: name, location: "\"\(key)\"", reason: reason)
    }

    func value(_ key: String) -> JSON? {
        guard let found = values[key], found != .null else { return nil }
        return found
    }

    func kind() throws -> SchedulerKind {
        guard let found = value("_class_name") else { throw fault("_class_name", "the key is missing") }
        guard let text = found.string else { throw fault("_class_name", "wanted a string, got \(found.text())") }
        guard let kind = SchedulerKind(rawValue: text) else {
            let known = SchedulerKind.allCases.map(\.rawValue).joined(separator: ", ")
            throw fault("_class_name", "the scheduler \"\(text)\" is not known; known are \(known)")
        }
        return kind
    }

    func integer(_ key: String, _ range: ClosedRange<Int>, default standard: Int) throws -> Int {
        guard let found = value(key) else { return standard }
        guard let number = found.integer, range.contains(number) else {
            throw fault(
                key, "wanted a whole number from \(range.lowerBound) to \(range.upperBound), got \(found.text())")
        }
        return number
    }

    func number(_ key: String, _ range: ClosedRange<Double>, default standard: Double) throws -> Double {
        guard let found = value(key) else { return standard }
        guard let number = found.number, range.contains(number) else {
            throw fault(key, "wanted a number from \(range.lowerBound) to \(range.upperBound), got \(found.text())")
        }
        return number
    }

    func boolean(_ key: String, default standard: Bool) throws -> Bool {
        guard let found = value(key) else { return standard }
        guard let flag = found.boolean else { throw fault(key, "wanted true or false, got \(found.text())") }
        return flag
    }

    func string(_ key: String, among known: [String], default standard: String) throws -> String {
        guard let found = value(key) else { return standard }
        guard let text = found.string, known.contains(text) else {
            let list = known.map { "\"\($0)\"" }.joined(separator: ", ")
            throw fault(key, "wanted \(known.count == 1 ? "" : "one of ")\(list), got \(found.text())")
        }
        return text
    }

    func choice<Choice: RawRepresentable & CaseIterable>(
        _ key: String, default standard: Choice
    ) throws -> Choice where Choice.RawValue == String {
        let text = try string(key, among: Choice.allCases.map(\.rawValue), default: standard.rawValue)
        return Choice(rawValue: text) ?? standard
    }

    func sigma(_ key: String) throws -> Double? {
        guard value(key) != nil else { return nil }
        let sigma = try number(key, 0...1e6, default: 0)
        guard sigma > 0 else { throw fault(key, "wanted a number above 0, got 0") }
        return sigma
    }

    func betas(_ key: String, count: Int) throws -> [Double]? {
        guard let found = value(key) else { return nil }
        let betas = found.array?.compactMap(\.number).filter { $0 >= 0 && $0 <= 1 } ?? []
        guard betas.count == count, betas.count == found.array?.count else {
            throw fault(key, "wanted \(count) numbers from 0 to 1, as num_train_timesteps says")
        }
        return betas
    }

    /// Refuses an option that is not implemented, where it is on.
    func refuse(_ key: String) throws {
        if try boolean(key, default: false) { throw fault(key, "the option is not supported") }
    }

    /// Refuses keys that no scheduler of diffusers has, as they may be misspelt.
    func refuseUnknown() throws {
        for key in values.keys.sorted() where !key.hasPrefix("_") && value(key) != nil && !Self.known.contains(key) {
            let near = nearest(key, among: Self.known.sorted()).map { "; did you mean \"\($0)\"?" } ?? ""
            throw fault(key, "the key is not known, and may change the result\(near)")
        }
    }

    /// The options of diffusers' schedulers of this family. Pipelines and `from_config` leave those of another
    /// scheduler in the file, where they change nothing.
    private static let known: Set<String> = [
        "algorithm_type", "beta_end", "beta_schedule", "beta_start", "clip_sample", "clip_sample_range",
        "disable_corrector", "dynamic_thresholding_ratio", "euler_at_final", "final_sigmas_type", "flow_shift",
        "interpolation_type", "lambda_min_clipped", "lower_order_final", "num_train_timesteps", "predict_x0",
        "prediction_type", "rescale_betas_zero_snr", "sample_max_value", "set_alpha_to_one", "sigma_max", "sigma_min",
        "skip_prk_steps", "solver_order", "solver_p", "solver_type", "steps_offset", "thresholding",
        "timestep_spacing", "timestep_type", "trained_betas", "use_beta_sigmas", "use_exponential_sigmas",
        "use_flow_sigmas", "use_karras_sigmas", "use_lu_lambdas", "variance_type",
    ]
}
