import Tensors

/// The solver that leads from noise to a latent: it says at which timesteps the model is asked, and what to make of its
/// answers. One object serves one batch; its whole state can be saved between steps.
///
/// Numbers are diffusers': f32 tensors, with coefficients in its mix of f32 and f64. Tensors may have any layout, as
/// every operation works element by element; noise comes from the caller.
public protocol Scheduler: AnyObject {
    /// The name of its class in diffusers.
    var name: String { get }
    /// The timesteps that the model was trained on.
    var trainTimesteps: Int { get }
    /// The timesteps at which the model is called, in order; empty before `setTimesteps`. PNDM has more than steps.
    var timesteps: [Float] { get }
    /// The noise over the signal before each step and after the last, of schedulers that work with it; else empty.
    var sigmas: [Float] { get }
    /// How many calls of `step` are done: the index of the timestep that is next.
    var stepIndex: Int { get }
    /// What the first noise is multiplied by: diffusers' `init_noise_sigma`. Valid after `setTimesteps`.
    var initialNoiseSigma: Float { get }
    /// Whether `step` wants noise.
    var needsNoise: Bool { get }

    /// Begins a run of `steps` steps and forgets the last one.
    /// - Throws: `TensorError.value` where `steps` is not in 1 to the number of training timesteps, or too few for the
    ///   method, or where it leads to a timestep that the training did not have.
    func setTimesteps(_ steps: Int) throws

    /// What the model gets for a sample at the next timestep: diffusers' `scale_model_input`.
    func modelInput(_ sample: Tensor) throws -> Tensor

    /// The sample after the next timestep.
    /// - Parameters:
    ///   - modelOutput: the model's answer for the next timestep, f32.
    ///   - sample: the current sample, f32 of the same shape, before `modelInput`.
    ///   - noise: standard normal values of the same shape, where `needsNoise` says so.
    /// - Throws: `TensorError` for other shapes or dtypes, missing noise, or where all steps are done.
    func step(_ modelOutput: Tensor, sample: Tensor, noise: Tensor?) throws -> Tensor

    /// Everything that the rest of the run depends on, by name: it can be written to a file as it is.
    func state() throws -> [String: Tensor]

    /// Goes on where `state` was called on a scheduler with the same configuration.
    /// - Throws: `TensorError.value` for the state of another scheduler, or one that holds nonsense.
    func restore(_ state: [String: Tensor]) throws
}

extension Scheduler {
    /// As the other `step`, without noise.
    public func step(_ modelOutput: Tensor, sample: Tensor) throws -> Tensor {
        try step(modelOutput, sample: sample, noise: nil)
    }

    /// Checks the arguments of `step`, and that a step is left.
    func checkStep(_ modelOutput: Tensor, _ sample: Tensor, _ noise: Tensor?) throws {
        guard !timesteps.isEmpty else {
            throw TensorError.value(operation: name, message: "no timesteps are set")
        }
        guard stepIndex < timesteps.count else {
            throw TensorError.value(operation: name, message: "all \(timesteps.count) steps are done")
        }
        guard modelOutput.dtype == .f32, sample.dtype == .f32 else {
            throw TensorError.dtype(
                operation: name, message: "wanted f32, got \(modelOutput.dtype) for a sample of \(sample.dtype)")
        }
        guard modelOutput.shape == sample.shape else {
            throw TensorError.shape(
                operation: name,
                message: "the model's output is \(Tensor.text(modelOutput.shape)), the sample "
                    + Tensor.text(sample.shape))
        }
        guard needsNoise else { return }
        guard let noise, noise.shape == sample.shape, noise.dtype == .f32 else {
            let got = noise.map { "\($0.dtype) \(Tensor.text($0.shape))" } ?? "none"
            throw TensorError.value(
                operation: name, message: "wanted noise, f32 \(Tensor.text(sample.shape)), got \(got)")
        }
    }

    /// Checks a number of steps.
    func checkSteps(_ steps: Int, least: Int = 1) throws {
        let most = trainTimesteps
        guard steps >= least, steps <= most else {
            throw TensorError.value(
                operation: name, message: "wanted \(least) to \(most) steps, got \(steps)")
        }
    }
}
