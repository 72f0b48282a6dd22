import Files
import Tensors

/// The schedulers that this room has, by the names of their classes in diffusers.
public enum SchedulerKind: String, CaseIterable, Sendable {
    /// Denoising diffusion implicit models (Song et al., arXiv 2010.02502).
    case ddim = "DDIMScheduler"
    /// Pseudo numerical methods (Liu et al., arXiv 2202.09778).
    case pndm = "PNDMScheduler"
    /// Euler's method over sigmas (Karras et al., arXiv 2206.00364, algorithm 2 without churn).
    case euler = "EulerDiscreteScheduler"
    /// Euler's method with fresh noise in every step.
    case eulerAncestral = "EulerAncestralDiscreteScheduler"
    /// DPM-Solver++ (Lu et al., arXiv 2211.01095), the multistep variants.
    case dpmSolverMultistep = "DPMSolverMultistepScheduler"

    /// The name that scripts use.
    public var shortName: String {
        switch self {
        case .ddim: return "ddim"
        case .pndm: return "pndm"
        case .euler: return "euler"
        case .eulerAncestral: return "euler_ancestral"
        case .dpmSolverMultistep: return "dpm_solver_multistep"
        }
    }

    /// The scheduler of a class name or a script's name.
    /// - Throws: `TensorError.value` that lists the known names.
    public init(named name: String) throws {
        guard let found = Self.allCases.first(where: { $0.rawValue == name || $0.shortName == name }) else {
            let known = Self.allCases.map { "\($0.shortName) (\($0.rawValue))" }.joined(separator: ", ")
            throw TensorError.value(operation: "scheduler", message: "\"\(name)\" is not known; known are \(known)")
        }
        self = found
    }
}
