import Files
import Tensors

/// A scheduler as the program knows it: its names, and how it is made of the options of a `scheduler_config.json`.
public struct SchedulerEntry: Sendable {
    /// The name of the class in diffusers.
    public let className: String
    /// The name that scripts use.
    public let shortName: String
    /// Whether it knows `eta`, DDIM's weight of fresh noise.
    public let takesEta: Bool
    /// Makes it of options and eta: every option that changes its numbers is asked for, and no other.
    let make: @Sendable (_ options: ConfigurationReader, _ eta: Double) throws -> any Scheduler

    /// Describes a scheduler.
    public init(
        _ className: String, _ shortName: String, takesEta: Bool = false,
        make: @escaping @Sendable (_ options: ConfigurationReader, _ eta: Double) throws -> any Scheduler
    ) {
        self.className = className
        self.shortName = shortName
        self.takesEta = takesEta
        self.make = make
    }
}

/// The schedulers by the names of their classes in diffusers; a new one is a file and a line here, or is added to a copy.
public struct SchedulerRegistry: Sendable {
    /// The program's own.
    public static let standard = SchedulerRegistry(own: [
        DDIMScheduler.entry, DDPMScheduler.entry, PNDMScheduler.entry, EulerScheduler.entry,
        EulerScheduler.ancestralEntry, DPMSolverMultistepScheduler.entry, FlowMatchEulerScheduler.entry,
    ])

    /// The entries by class.
    public private(set) var entries: Registry<SchedulerEntry>

    private init(own entries: [SchedulerEntry]) {
        self.entries = Registry("scheduler", entries.map { ($0.className, $0) })
    }

    /// Adds a scheduler.
    /// - Throws: `RegistryError.taken` where one of its names is in use.
    public mutating func add(_ entry: SchedulerEntry) throws {
        guard !entries.all.contains(where: { $0.shortName == entry.shortName }) else {
            throw RegistryError.taken(kind: entries.kind, name: entry.shortName)
        }
        try entries.add(entry.className, entry)
    }

    /// The entry of a class name or of a script's name.
    /// - Throws: `RegistryError.unknown` that lists the known names.
    public func entry(named name: String) throws -> SchedulerEntry {
        let all = entries.all
        guard let found = all.first(where: { $0.className == name || $0.shortName == name }) else {
            throw entries.unknown(name, known: all.map(\.shortName))
        }
        return found
    }

    /// Schedulers of diffusers that are not implemented here, but whose options others take: diffusers'
    /// `KarrasDiffusionSchedulers`.
    static let relatives: Set<String> = [
        "LMSDiscreteScheduler", "HeunDiscreteScheduler", "DPMSolverSinglestepScheduler", "KDPM2DiscreteScheduler",
        "KDPM2AncestralDiscreteScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler", "DPMSolverSDEScheduler",
        "LCMScheduler", "TCDScheduler", "EDMEulerScheduler", "EDMDPMSolverMultistepScheduler",
    ]

    /// The options of diffusers' schedulers of this family. Pipelines and `from_config` leave those of another
    /// scheduler in the file, where they change nothing.
    static let options: Set<String> = [
        "algorithm_type", "base_image_seq_len", "base_shift", "beta_end", "beta_schedule", "beta_start", "clip_sample",
        "clip_sample_range", "disable_corrector", "dynamic_thresholding_ratio", "euler_at_final", "final_sigmas_type",
        "flow_shift", "interpolation_type", "invert_sigmas", "lambda_min_clipped", "lower_order_final",
        "max_image_seq_len", "max_shift", "noise_sampler_seed", "num_train_timesteps", "original_inference_steps",
        "predict_x0", "prediction_type", "rescale_betas_zero_snr", "sample_max_value", "set_alpha_to_one", "shift",
        "shift_terminal", "sigma_data", "sigma_max", "sigma_min", "sigma_schedule", "skip_prk_steps", "solver_order",
        "solver_p", "solver_type", "steps_offset", "thresholding", "time_shift_type", "timestep_scaling",
        "timestep_spacing", "timestep_type", "trained_betas", "use_beta_sigmas", "use_dynamic_shifting",
        "use_exponential_sigmas", "use_flow_sigmas", "use_karras_sigmas", "use_lu_lambdas", "variance_type",
    ]
}
