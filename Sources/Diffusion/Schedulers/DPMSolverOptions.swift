import Files

/// The options of DPM-Solver++ alone.
struct DPMSolverOptions: Sendable {
    /// Past predictions that a step uses, 1 to 3.
    let order: Int
    /// `sde-dpmsolver++`, which adds noise in every step.
    let isStochastic: Bool
    /// Heun's method in place of the midpoint method in second-order steps.
    let usesHeun: Bool
    /// Whether the last steps of runs of fewer than 15 steps have a lower order.
    let lowersOrderAtEnd: Bool
    /// Whether the last step is Euler's.
    let endsWithEuler: Bool
    /// Timesteps with a lower half logarithm of the signal-to-noise ratio are left out.
    let lambdaMinClipped: Double

    /// Reads the options.
    /// - Throws: `FileError.malformed` for a wrong value, or a variant that is not implemented.
    init(_ reader: ConfigurationReader) throws {
        order = try reader.integer("solver_order", 1...3, default: 2)
        let algorithm = try reader.string(
            "algorithm_type", among: ["dpmsolver++", "sde-dpmsolver++"], default: "dpmsolver++")
        isStochastic = algorithm == "sde-dpmsolver++"
        usesHeun = try reader.string("solver_type", among: ["midpoint", "heun"], default: "midpoint") == "heun"
        lowersOrderAtEnd = try reader.boolean("lower_order_final", default: true)
        endsWithEuler = try reader.boolean("euler_at_final", default: false)
        lambdaMinClipped = try reader.number("lambda_min_clipped", -Double.infinity...1e6, default: -.infinity)
        try reader.refuse("thresholding")
        // A model that learned its variance has twice the channels; DDPM's names for fixed ones change nothing here.
        if let variance = reader.value("variance_type")?.string, variance.hasPrefix("learned") {
            throw reader.fault("variance_type", "models that predict their variance are not supported")
        }
    }
}
