import Evaluation
import Identity
import LuaRuntime
import Runs
import Tensors
import Training

/// `net:fit`.
enum ClassifierFit {
    private static let images = "A Dataset with labels, or `{ paths, labels }` with labels `[N, classes]` of 0 to 1"

    private static let data: [LuaParameter] =
        [
            LuaParameter("train", .any, images + "."),
            LuaParameter("validation", .any, optional: true, images + ": its loss is measured after each epoch."),
        ] + ClassifierData.Policy.parameters + [ImageArguments.onBadImage, protocolOption]

    static let protocolOption = LuaParameter(
        "protocol", .choice(Protocol.allCases.map(\.rawValue)), default: .string(Protocol.chexgenbench.rawValue),
        "`exact` refuses 16-bit images that 8 bits would cut to white; `chexgenbench` cuts and counts them.")

    private static let schedules: [LuaParameter] = [
        LuaParameter("kind", .choice(["plateau", "cosine", "step", "constant"]), "How the rate changes."),
        LuaParameter("factor", .number, default: .number(0.1), "Of `plateau` and `step`."),
        LuaParameter("patience", .integer, default: .integer(2), "Epochs without a lower loss; of `plateau`."),
        LuaParameter("threshold", .number, default: .number(1e-4), "Relative; of `plateau`."),
        LuaParameter("minimum", .number, default: .number(0), "The lowest rate; of `plateau` and `cosine`."),
        LuaParameter("size", .integer, default: .integer(10), "Epochs a step; of `step`."),
    ]

    private static let training: [LuaParameter] = [
        LuaParameter("epochs", .integer, default: .integer(10), "How often the whole set is gone through."),
        LuaParameter("batch", .integer, default: .integer(32), "Images a step."),
        LuaParameter("learning_rate", .number, default: .number(1e-4), "At the start."),
        LuaParameter("weight_decay", .number, default: .number(1e-5), "L2 in the gradient; of `adamw` decoupled."),
        LuaParameter("optimizer", .choice(["adam", "adamw", "sgd"]), default: .string("adam"), "As PyTorch has it."),
        LuaParameter("momentum", .number, default: .number(0), "Of `sgd`."),
        LuaParameter(
            "schedule", .oneOf([.choice(["plateau", "cosine", "step", "constant"]), .options(schedules)]),
            default: .string("plateau"),
            "`plateau` is PyTorch's ReduceLROnPlateau on the validation loss (the training loss without one)."),
        LuaParameter(
            "clip_norm", .number, optional: true, "The largest norm of all gradients together; larger ones are scaled."),
        LuaParameter("augment", .boolean, default: .boolean(true), "Horizontal flips, rotations of up to 10 degrees."),
        LuaParameter("shuffle", .boolean, default: .boolean(true), "Whether each epoch has an order of its own."),
        LuaParameter("seed", .integer, optional: true, "Of order and augmentation; the run's where absent."),
        LuaParameter(
            "checkpoint", .string, optional: true,
            "A file that is written after each epoch. Where it is there, training goes on from it, to the same bits."),
        LuaParameter("best", .string, optional: true, "A file for the weights with the lowest loss so far."),
        LuaParameter("on_epoch", .function("fun(epoch: table)"), optional: true, "Called after each epoch."),
    ]

    static let declaration: LuaClass<ClassifierObject>.Method = .method(
        "fit", [LuaParameter("options", .options(data + training), "The images, and how to train on them.")],
        returns: [
            LuaResult(
                "history", .list(.table),
                "For every epoch, also those before an interruption: `epoch`, `train_loss`, `validation_loss` (absent without "
                    + "validation), `learning_rate`, `seconds`. Its field `skipped` lists the images that were left out: "
                    + "`index` (first those of `train`, then those of `validation`), `path`, `reason`; `clipped` and `flat` "
                    + "tell of the others what `evaluation.pass` does.")
        ],
        "Trains with the binary cross entropy of each class. The defaults are the reference's. Every file is read before the "
            + "first step, so that broken ones are known at once; its pixels are kept, up to 512 MiB of all. For the same inputs, options and threads the weights are the "
            + "same to the bit.",
        example: """
            local history = net:fit{ train = train, validation = held_out, uncertain = 0, missing = 0, epochs = 20,
              on_epoch = function(e) print(e.epoch, e.train_loss, e.validation_loss) end }
            """, fit)

    private static let fit: (ClassifierObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let session = object.session
        let given = try arguments.options("options")
        let options = try options(given, session)
        let notice: (String) -> Void = { session.note($0) }
        let policy = try ClassifierData.Policy(given)
        let all = try ["train", "validation"].filter { given.has($0) }.map {
            try ClassifierData.labelled(given, $0, policy, notice: notice)
        }
        let images = PreparedImages()
        let outcome = try session.run(
            [TrainingImagesTask(images)], over: all.flatMap(\.sources), given,
            clipping: ClippingPolicy(ImageArguments.way(given)), label: "checking images")
        let first = all[0].sources.count
        let train = try all[0].images.rows(outcome.kept.filter { $0 < first })
        let validation = try all.dropFirst().first?.images.rows(
            outcome.kept.filter { $0 >= first }.map { $0 - first })

        let total = train.paths.count + (validation?.paths.count ?? 0)
        var bar: (epoch: Int, progress: Runs.Progress)?
        defer { bar?.progress.finish() }
        let onEpoch = given.has("on_epoch") ? try given.function("on_epoch") : nil
        let history = try object.classifier.fit(
            train: train, validation: validation, options, images: images, onNotice: notice,
            onImages: { epoch, count in
                if bar?.epoch != epoch {
                    bar?.progress.finish()
                    bar = (epoch, Runs.Progress(total: total, label: "epoch \(epoch) of \(options.epochs)"))
                }
                bar?.progress.step(count)
            },
            onEpoch: { report in
                bar?.progress.finish()
                _ = try onEpoch?.call([fields(report)])
            })
        return [
            .table(
                LuaTable(
                    array: history.map(fields),
                    fields: [
                        ("skipped", ImageArguments.lua(outcome.skipped)),
                        ("clipped", try ImageArguments.rows(outcome.clipped)),
                        ("flat", try ImageArguments.rows(outcome.flat)),
                    ]))
        ]
    }

    private static func fields(_ report: EpochReport) -> LuaValue {
        .fields([
            ("epoch", .integer(report.epoch)), ("train_loss", .number(report.trainLoss)),
            ("validation_loss", report.validationLoss.map { .number($0) } ?? .nil),
            ("learning_rate", .number(report.learningRate)), ("seconds", .number(report.seconds)),
        ])
    }

    private static func options(_ given: LuaArguments, _ session: ScriptContext) throws -> FitOptions {
        var options = FitOptions()
        options.epochs = try given.integer("epochs")
        options.batch = try given.integer("batch")
        guard (1...100_000).contains(options.epochs) else {
            throw given.fail("epochs", "wanted 1 to 100000, got \(options.epochs)")
        }
        guard (1...4096).contains(options.batch) else {
            throw given.fail("batch", "wanted 1 to 4096, got \(options.batch)")
        }
        func positive(_ name: String, orZero: Bool) throws -> Double {
            let value = try given.number(name)
            guard value.isFinite, value > 0 || (orZero && value == 0) else {
                throw given.fail(name, "wanted a number above 0\(orZero ? " or 0" : ""), got \(value)")
            }
            return value
        }
        options.learningRate = try positive("learning_rate", orZero: true)
        let decay = try positive("weight_decay", orZero: true)
        switch try given.string("optimizer") {
        case "adamw": options.optimizer = .adamW(weightDecay: decay)
        case "sgd":
            options.optimizer = .sgd(momentum: try positive("momentum", orZero: true), weightDecay: decay)
        default: options.optimizer = .adam(weightDecay: decay)
        }
        options.schedule = try schedule(given, epochs: options.epochs)
        if given.has("clip_norm") { options.clipNorm = try positive("clip_norm", orZero: false) }
        options.augment = try given.boolean("augment")
        options.shuffle = try given.boolean("shuffle")
        let seed = given.has("seed") ? try given.integer("seed") : session.seed
        options.seed = UInt64(bitPattern: Int64(seed))
        if given.has("checkpoint") { options.checkpoint = try session.output(given.string("checkpoint")) }
        if given.has("best") { options.best = try session.output(given.string("best")) }
        return options
    }

    private static func schedule(_ given: LuaArguments, epochs: Int) throws -> LearningRateSchedule {
        switch given.value("schedule").stringValue {
        case "plateau": return .reduceOnPlateau()
        case "cosine": return .cosine(epochs: epochs)
        case "step": return .step(size: 10)
        case "constant": return .constant
        default: break
        }
        let values = try given.options("schedule")
        let factor = try values.number("factor")
        guard factor > 0, factor <= 1 else { throw values.fail("factor", "wanted above 0 to 1, got \(factor)") }
        let minimum = try values.number("minimum")
        guard minimum.isFinite, minimum >= 0 else { throw values.fail("minimum", "wanted 0 or more, got \(minimum)") }
        switch try values.string("kind") {
        case "cosine": return .cosine(epochs: epochs, minimum: minimum)
        case "step":
            let size = try values.integer("size")
            guard size > 0 else { throw values.fail("size", "wanted 1 or more, got \(size)") }
            return .step(size: size, factor: factor)
        case "constant": return .constant
        default:
            let patience = try values.integer("patience")
            guard patience >= 0 else { throw values.fail("patience", "wanted 0 or more, got \(patience)") }
            return .reduceOnPlateau(
                factor: factor, patience: patience, threshold: try values.number("threshold"), minimum: minimum)
        }
    }
}
