import Checkpoints
import Foundation
import Recording
import Tensors

/// Where a training stands after an epoch; random streams follow from the seed and the epoch.
struct TrainingState {
    var schedule: ScheduleState
    var history: [EpochReport] = []
    var bestLoss = Double.infinity

    init(schedule: ScheduleState) { self.schedule = schedule }

    /// Writes weights, optimizer, schedule and history as one safetensors file, whole or not at all.
    func save(
        _ path: String, _ classifier: Classifier, _ optimizer: Optimizer, _ options: FitOptions, data: String
    ) throws {
        let tensors = try classifier.parameters.trainingTensors()
        let rows = history.map { report in
            [
                report.trainLoss, report.validationLoss ?? .nan, report.learningRate, report.seconds,
            ].map { String($0) }.joined(separator: " ")
        }
        try SafeTensors.write(
            path, tensors,
            metadata: [
                "network": classifier.name, "classes": String(classifier.classes), "options": options.fingerprint,
                "data": data,
                "steps": String(optimizer.steps), "learning_rate": String(optimizer.learningRate),
                "schedule": "\(schedule.initialRate) \(schedule.best) \(schedule.badEpochs)",
                "best": String(bestLoss), "history": rows.joined(separator: "\n"),
            ])
    }

    /// Reads it back into a classifier and its optimizer.
    /// - Throws: `TrainingError.checkpoint` where the file belongs to another training.
    static func load(
        _ path: String, _ classifier: Classifier, _ optimizer: Optimizer, _ options: FitOptions, data: String
    ) throws -> TrainingState {
        let file = try Checkpoint.open(path)
        func fault(_ message: String) -> TrainingError { .checkpoint(path: path, message: message) }
        guard file.metadata["network"] == classifier.name, file.metadata["classes"] == String(classifier.classes) else {
            throw fault("a checkpoint of another network: \(file.metadata["network"] ?? "none")")
        }
        guard file.metadata["options"] == options.fingerprint else {
            throw fault(
                "a checkpoint of a training with \(file.metadata["options"] ?? "nothing"); this one has "
                    + options.fingerprint)
        }
        guard file.metadata["data"] == data else {
            throw fault("a checkpoint of a training on other images or labels; remove it to begin anew")
        }
        let schedule = (file.metadata["schedule"] ?? "").split(separator: " ").compactMap { Double($0) }
        guard let steps = file.metadata["steps"].flatMap({ Int($0) }),
            let rate = file.metadata["learning_rate"].flatMap({ Double($0) }),
            let best = file.metadata["best"].flatMap({ Double($0) }), schedule.count == 3,
            let badEpochs = Int(exactly: schedule[2])
        else { throw fault("its numbers are missing or damaged") }
        var state = TrainingState(schedule: ScheduleState(initialRate: schedule[0]))
        state.schedule.best = schedule[1]
        state.schedule.badEpochs = badEpochs
        state.bestLoss = best
        for line in (file.metadata["history"] ?? "").split(separator: "\n") {
            let numbers = line.split(separator: " ").compactMap { Double($0) }
            guard numbers.count == 4 else { throw fault("its history is damaged") }
            state.history.append(
                EpochReport(
                    epoch: state.history.count + 1, trainLoss: numbers[0],
                    validationLoss: numbers[1].isNaN ? nil : numbers[1], learningRate: numbers[2], seconds: numbers[3]))
        }
        try classifier.parameters.loadTraining(file)
        optimizer.steps = steps
        optimizer.learningRate = rate
        return state
    }
}

extension ParameterSet {
    /// Weights and the optimizer's tensors, as checkpoints of trainings name them.
    func trainingTensors() throws -> [(name: String, tensor: Tensor)] {
        var tensors = try values().map { (name: "model." + $0.name, tensor: $0.tensor) }
        for parameter in parameters {
            for index in parameter.state.indices {
                tensors.append((Self.stateName(index, parameter), try parameter.stateValue(index)))
            }
        }
        return tensors
    }

    /// Takes them back.
    /// - Throws: `CheckpointError` where weights are missing, or of another shape.
    func loadTraining(_ file: Checkpoint) throws {
        for parameter in parameters {
            try parameter.load(file["model." + parameter.name])
            var index = 0
            while file.contains(Self.stateName(index, parameter)) {
                try parameter.loadState(index, file[Self.stateName(index, parameter)])
                index += 1
            }
        }
    }

    private static func stateName(_ index: Int, _ parameter: TrainedParameter) -> String {
        "optimizer.\(index)." + parameter.name
    }
}
