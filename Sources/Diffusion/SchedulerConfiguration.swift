import Files
import Tensors

/// The options of a scheduler, from diffusers' `scheduler_config.json`.
///
/// A key that is absent has the default of the scheduler's class. Keys of other schedulers change nothing, as in
/// diffusers; keys that no scheduler knows are errors, and so are values that this room does not implement.
public struct SchedulerConfiguration: Sendable {
    /// Which scheduler.
    public let kind: SchedulerKind
    /// The timesteps that the model was trained on.
    public var trainTimesteps = 1000
    /// The first beta.
    public var betaStart = 0.0001
    /// The last beta.
    public var betaEnd = 0.02
    /// How betas grow.
    public var betaSchedule = BetaSchedule.linear
    /// The betas themselves, in place of the three options before.
    public var trainedBetas: [Double]?
    /// Whether betas are rescaled so that the last timestep holds no signal.
    public var rescalesBetasToZeroSNR = false
    /// What the model predicts.
    public var predictionType = PredictionType.epsilon
    /// How steps are spread.
    public var timestepSpacing = TimestepSpacing.leading
    /// What is added to the timesteps of `leading` spacing.
    public var stepsOffset = 0
    /// Predicted images are clipped to plus and minus this; nil does not clip. DDIM only.
    public var clipSampleRange: Double?
    /// Whether alpha-bar is 1 before the first timestep, and not that of the first timestep. DDIM and PNDM.
    public var setsAlphaToOne = false
    /// Whether PNDM leaves out its Runge-Kutta steps.
    public var skipsPrkSteps = false
    /// How sigmas are spread. Euler and DPM-Solver++.
    public var sigmaSpacing = SigmaSpacing.training
    /// The smallest sigma of Karras' and of exponential spacing; nil takes that of the schedule.
    public var sigmaMin: Double?
    /// The largest sigma of Karras' and of exponential spacing; nil takes that of the schedule.
    public var sigmaMax: Double?
    /// The sigma after the last step. Euler and DPM-Solver++.
    public var finalSigma = FinalSigma.zero
    /// DPM-Solver++'s own options.
    public var solver = DPMSolverOptions()

    /// Reads `scheduler_config.json`.
    /// - Parameter kind: another scheduler than the file's, which takes what it knows of the file's options: diffusers'
    ///   `from_config`.
    /// - Throws: `FileError` for a missing file, a missing or wrong value or an unknown key; `TensorError.value` for an
    ///   unknown scheduler.
    public init(path: String, kind: SchedulerKind? = nil) throws {
        try self.init(JSON.read(path, limit: 1 << 24, allowsNonFinite: true), name: path, kind: kind)
    }

    /// Reads the options from JSON; see the other initialiser. Errors call it `name`.
    public init(_ json: JSON, name: String, kind: SchedulerKind? = nil) throws {
        let reader = try SchedulerReader(json, name: name)
        self.kind = try kind ?? reader.kind()
        try reader.refuseUnknown()
        try readSchedule(reader)
        switch self.kind {
        case .ddim: try readDDIM(reader)
        case .pndm: try readPNDM(reader)
        case .euler: try readEuler(reader)
        case .eulerAncestral: try readEulerAncestral(reader)
        case .dpmSolverMultistep: try readDPMSolver(reader)
        }
    }

    /// The options as `StableDiffusionPipeline` alters those of the scheduler that it is made with: a `steps_offset`
    /// of 1 and no clipping. A scheduler that is put into the pipeline later is not altered.
    public func adjustedForStableDiffusion() -> SchedulerConfiguration {
        var result = self
        result.stepsOffset = 1
        result.clipSampleRange = nil
        return result
    }

    /// A scheduler with these options.
    /// - Parameter eta: DDIM's weight of fresh noise, 0 to 1.
    /// - Throws: `TensorError.value` for an eta that is out of range, or not 0 for a scheduler that has none.
    public func makeScheduler(eta: Double = 0) throws -> any Scheduler {
        guard eta >= 0, eta <= 1 else {
            throw TensorError.value(operation: kind.rawValue, message: "wanted an eta from 0 to 1, got \(eta)")
        }
        guard eta == 0 || kind == .ddim else {
            throw TensorError.value(
                operation: kind.rawValue, message: "eta is an option of DDIMScheduler only, got \(eta)")
        }
        switch kind {
        case .ddim: return DDIMScheduler(self, eta: eta)
        case .pndm: return PNDMScheduler(self)
        case .euler, .eulerAncestral: return EulerScheduler(self)
        case .dpmSolverMultistep: return DPMSolverMultistepScheduler(self)
        }
    }
}

extension SchedulerConfiguration {
    /// The options that all schedulers have.
    private mutating func readSchedule(_ reader: SchedulerReader) throws {
        trainTimesteps = try reader.integer("num_train_timesteps", 1...100_000, default: 1000)
        betaStart = try reader.number("beta_start", 0...1, default: 0.0001)
        betaEnd = try reader.number("beta_end", 0...1, default: 0.02)
        betaSchedule = try reader.choice("beta_schedule", default: .linear)
        trainedBetas = try reader.betas("trained_betas", count: trainTimesteps)
        stepsOffset = try reader.integer("steps_offset", 0...trainTimesteps, default: 0)
        predictionType = try reader.choice("prediction_type", default: .epsilon)
        let isLeading = kind == .ddim || kind == .pndm
        timestepSpacing = try reader.choice("timestep_spacing", default: isLeading ? .leading : .linspace)
        if kind != .pndm {
            rescalesBetasToZeroSNR = try reader.boolean("rescale_betas_zero_snr", default: false)
        }
    }

    private mutating func readDDIM(_ reader: SchedulerReader) throws {
        if try reader.boolean("clip_sample", default: true) {
            clipSampleRange = try reader.number("clip_sample_range", 0...1e6, default: 1)
        }
        setsAlphaToOne = try reader.boolean("set_alpha_to_one", default: true)
        try reader.refuse("thresholding")
        try refuse(.flow, reader)
        if rescalesBetasToZeroSNR, predictionType == .epsilon {
            throw reader.fault(
                "rescale_betas_zero_snr", "a model that predicts epsilon cannot begin at a timestep without signal")
        }
    }

    private mutating func readPNDM(_ reader: SchedulerReader) throws {
        skipsPrkSteps = try reader.boolean("skip_prk_steps", default: false)
        setsAlphaToOne = try reader.boolean("set_alpha_to_one", default: false)
        try refuse(.sample, reader)
        try refuse(.flow, reader)
    }

    private mutating func readEuler(_ reader: SchedulerReader) throws {
        let interpolation = try reader.string("interpolation_type", among: ["linear", "log_linear"], default: "linear")
        sigmaSpacing = interpolation == "linear" ? .training : .logLinear
        try readSigmas(reader, [("use_karras_sigmas", .karras), ("use_exponential_sigmas", .exponential)])
        _ = try reader.string("timestep_type", among: ["discrete"], default: "discrete")
        try refuse(.flow, reader)
    }

    private mutating func readEulerAncestral(_ reader: SchedulerReader) throws {
        try refuse(.sample, reader)
        try refuse(.flow, reader)
    }

    private mutating func readDPMSolver(_ reader: SchedulerReader) throws {
        solver.order = try reader.integer("solver_order", 1...3, default: 2)
        let algorithm = try reader.string(
            "algorithm_type", among: ["dpmsolver++", "sde-dpmsolver++"], default: "dpmsolver++")
        solver.isStochastic = algorithm == "sde-dpmsolver++"
        let method = try reader.string("solver_type", among: ["midpoint", "heun"], default: "midpoint")
        solver.usesHeun = method == "heun"
        solver.lowersOrderAtEnd = try reader.boolean("lower_order_final", default: true)
        solver.endsWithEuler = try reader.boolean("euler_at_final", default: false)
        solver.lambdaMinClipped = try reader.number(
            "lambda_min_clipped", -Double.infinity...1e6, default: -.infinity)
        let shift = try reader.sigma("flow_shift") ?? 1
        try readSigmas(
            reader,
            [
                ("use_karras_sigmas", .karras), ("use_lu_lambdas", .lu), ("use_exponential_sigmas", .exponential),
                ("use_flow_sigmas", .flow(shift: shift)),
            ])
        try reader.refuse("thresholding")
        // A model that learned its variance has twice the channels; DDPM's names for fixed ones change nothing here.
        if let variance = reader.value("variance_type")?.string, variance.hasPrefix("learned") {
            throw reader.fault("variance_type", "models that predict their variance are not supported")
        }
    }

    private mutating func readSigmas(_ reader: SchedulerReader, _ choices: [(String, SigmaSpacing)]) throws {
        let chosen = try choices.filter { try reader.boolean($0.0, default: false) }
        guard chosen.count < 2 else {
            throw reader.fault(chosen[1].0, "cannot be used together with \(chosen[0].0)")
        }
        try reader.refuse("use_beta_sigmas")
        if let choice = chosen.first { sigmaSpacing = choice.1 }
        sigmaMin = try reader.sigma("sigma_min")
        sigmaMax = try reader.sigma("sigma_max")
        finalSigma = try reader.choice("final_sigmas_type", default: .zero)
    }

    private func refuse(_ type: PredictionType, _ reader: SchedulerReader) throws {
        guard predictionType == type else { return }
        throw reader.fault("prediction_type", "\(kind.rawValue) does not know \"\(type.rawValue)\"")
    }
}
