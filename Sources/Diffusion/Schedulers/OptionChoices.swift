/// How betas grow over the training timesteps.
enum BetaSchedule: String, CaseIterable, Sendable {
    case linear
    /// Linear in the square roots: Stable Diffusion's.
    case scaledLinear = "scaled_linear"
    /// Nichol and Dhariwal's cosine.
    case squaredCosine = "squaredcos_cap_v2"
}

/// What the model predicts.
enum PredictionType: String, CaseIterable, Sendable {
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
enum TimestepSpacing: String, CaseIterable, Sendable {
    case leading, linspace, trailing
}

/// How the sigmas of the steps are spread.
enum SigmaSpacing: Sendable, Equatable {
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
enum FinalSigma: String, CaseIterable, Sendable {
    case zero
    /// That of the first training timestep.
    case smallest = "sigma_min"
}
