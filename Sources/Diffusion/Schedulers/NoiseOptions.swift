import Files
import Tensors

/// The options that all schedulers with betas have: how the model was trained, and where its steps lie.
struct NoiseOptions: Sendable {
    /// The scheduler's class, which errors name.
    let owner: String
    /// The timesteps that the model was trained on.
    let trainTimesteps: Int
    /// The first and the last beta.
    let betaStart, betaEnd: Double
    /// How betas grow.
    let betaSchedule: BetaSchedule
    /// The betas themselves, in place of the three options before.
    let trainedBetas: [Double]?
    /// Whether betas are rescaled so that the last timestep holds no signal.
    let rescalesBetasToZeroSNR: Bool
    /// What the model predicts.
    let predictionType: PredictionType
    /// How steps are spread.
    let timestepSpacing: TimestepSpacing
    /// What is added to the timesteps of `leading` spacing.
    let stepsOffset: Int

    /// Reads the options.
    /// - Parameters:
    ///   - owner: the scheduler's class.
    ///   - spacing: the class's default of `timestep_spacing`.
    ///   - predictions: what the scheduler can take a model to predict.
    ///   - rescales: whether the class has `rescale_betas_zero_snr`.
    /// - Throws: `FileError.malformed` for a wrong value.
    init(
        _ reader: ConfigurationReader, owner: String, spacing: TimestepSpacing = .leading,
        predictions: [PredictionType] = PredictionType.allCases, rescales: Bool = true
    ) throws {
        self.owner = owner
        trainTimesteps = try reader.integer("num_train_timesteps", 1...100_000, default: 1000)
        betaStart = try reader.number("beta_start", 0...1, default: 0.0001)
        betaEnd = try reader.number("beta_end", 0...1, default: 0.02)
        betaSchedule = try reader.choice("beta_schedule", default: .linear)
        trainedBetas = try Self.betas(reader, count: trainTimesteps)
        stepsOffset = try reader.integer("steps_offset", 0...trainTimesteps, default: 0)
        predictionType = try reader.choice("prediction_type", default: .epsilon)
        timestepSpacing = try reader.choice("timestep_spacing", default: spacing)
        rescalesBetasToZeroSNR = try rescales && reader.boolean("rescale_betas_zero_snr", default: false)
        guard predictions.contains(predictionType) else {
            throw reader.fault("prediction_type", "\(owner) does not know \"\(predictionType.rawValue)\"")
        }
    }

    private static func betas(_ reader: ConfigurationReader, count: Int) throws -> [Double]? {
        guard let found = reader.value("trained_betas") else { return nil }
        let betas = found.array?.compactMap(\.number).filter { $0 >= 0 && $0 <= 1 } ?? []
        guard betas.count == count, betas.count == found.array?.count else {
            throw reader.fault("trained_betas", "wanted \(count) numbers from 0 to 1, as num_train_timesteps says")
        }
        return betas
    }

    /// Refuses to divide by the signal of a timestep that has none, as a model of epsilon would need.
    /// - Throws: `FileError.malformed` where the betas are rescaled to zero signal and the model predicts epsilon.
    func refuseEpsilonWithoutSignal(_ reader: ConfigurationReader) throws {
        guard rescalesBetasToZeroSNR, predictionType == .epsilon else { return }
        throw reader.fault(
            "rescale_betas_zero_snr", "a model that predicts epsilon cannot begin at a timestep without signal")
    }

    /// The descending whole timesteps of DDIM, DDPM and PNDM.
    /// - Throws: `TensorError.value` where one lies beyond the training's.
    func wholeTimesteps(_ steps: Int) throws -> [Double] {
        var grid: [Double]
        switch timestepSpacing {
        case .linspace:
            grid = TimestepGrid.linspace(0, Double(trainTimesteps - 1), steps).reversed()
                .map { $0.rounded(.toNearestOrEven) }
        case .leading:
            grid = TimestepGrid.leading(steps, ratio: trainTimesteps / steps).map { $0 + Double(stepsOffset) }
        case .trailing: grid = TimestepGrid.trailing(steps, last: trainTimesteps, of: trainTimesteps)
        }
        if let first = grid.first, first >= Double(trainTimesteps) {
            throw TensorError.value(
                operation: owner,
                message:
                    "\(steps) steps with a steps_offset of \(stepsOffset) begin at timestep \(Int(first)), but the "
                    + "last of the training is \(trainTimesteps - 1); take fewer steps")
        }
        return grid
    }

    /// The bound of DDIM's and DDPM's predicted images: plus and minus this; nil where they are not clipped.
    static func clipRange(_ reader: ConfigurationReader) throws -> Float? {
        let range = try reader.number("clip_sample_range", 0...1e6, default: 1)
        return try reader.boolean("clip_sample", default: true) ? Float(range) : nil
    }
}
