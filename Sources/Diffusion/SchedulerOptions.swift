/// How betas grow over the training timesteps.
public enum BetaSchedule: String, CaseIterable, Sendable {
    case linear
    /// Linear in the square roots: Stable Diffusion's.
    case scaledLinear = "scaled_linear"
    /// Nichol and Dhariwal's cosine.
    case squaredCosine = "squaredcos_cap_v2"
}

/// What the model predicts.
public enum PredictionType: String, CaseIterable, Sendable {
    /// The noise.
    case epsilon
    /// The image.
    case sample
    /// The velocity (Salimans and Ho, arXiv 2202.00512).
    case velocity = "v_prediction"
    /// Noise minus image, of rectified flows; DPM-Solver++ only.
    case flow = "flow_prediction"
}

/// How the steps are spread over the training timesteps (Lin et al., arXiv 2305.08891, table 2).
public enum TimestepSpacing: String, CaseIterable, Sendable {
    case leading, linspace, trailing
}

/// How the sigmas of the steps are spread.
public enum SigmaSpacing: Sendable, Equatable {
    /// As the timesteps lie.
    case training
    /// As the timesteps lie, from evenly spread logarithms; Euler only.
    case logLinear
    /// Karras et al., arXiv 2206.00364, equation 5 with ρ = 7.
    case karras
    /// Evenly in the logarithm.
    case exponential
    /// Evenly in the logarithm of the signal-to-noise ratio; DPM-Solver++ only.
    case lu
    /// Rectified flow, with its shift; DPM-Solver++ only.
    case flow(shift: Double)
}

/// The sigma after the last step.
public enum FinalSigma: String, CaseIterable, Sendable {
    case zero
    /// That of the first training timestep.
    case smallest = "sigma_min"
}

/// The options of DPM-Solver++ alone.
public struct DPMSolverOptions: Sendable, Equatable {
    /// Past predictions that a step uses, 1 to 3.
    public var order = 2
    /// `sde-dpmsolver++`, which adds noise in every step.
    public var isStochastic = false
    /// Heun's method in place of the midpoint method in second-order steps.
    public var usesHeun = false
    /// Whether the last steps of runs of fewer than 15 steps have a lower order.
    public var lowersOrderAtEnd = true
    /// Whether the last step is Euler's.
    public var endsWithEuler = false
    /// Timesteps with a lower half logarithm of the signal-to-noise ratio are left out.
    public var lambdaMinClipped = -Double.infinity
}
