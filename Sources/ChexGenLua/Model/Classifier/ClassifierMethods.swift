import Evaluation
import LuaRuntime
import Tensors
import Training

/// The class `Classifier` of Lua; `fit` is in `ClassifierFit.swift`.
enum ClassifierMethods {
    static let declaration = LuaClass<ClassifierObject>.declaration(
        "Classifier",
        "A network that gives each image a probability for each class; several classes may be true at once.",
        methods: [
            ClassifierFit.declaration,
            .method(
                "predict",
                [
                    LuaParameter(
                        "images", .oneOf([.object("Dataset"), .list(.string)]), "A Dataset or a list of paths."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter("batch", .integer, default: .integer(32), "Images a batch."),
                            ClassifierFit.protocolOption, ImageArguments.onBadImage,
                            ImageArguments.label("predicting"),
                        ]), default: .table(LuaTable()), "Settings."),
                ],
                returns: [
                    LuaResult("probabilities", .object("Tensor"), "`[N, classes]` f32, of the images that were kept."),
                    LuaResult("kept", .object("Tensor"), "i64: their rows, from 1."),
                    LuaResult("skipped", .list(.table), "`index`, `path` and `reason` of every other one."),
                    LuaResult("sha256", .list(.string), "The hash of the file of each row."),
                    LuaResult(
                        "noticed", .table,
                        "Of those rows, as `evaluation.pass` tells: `clipped` (16-bit samples that were cut to white) and `flat`."
                    ),
                ],
                "Probabilities for image files: RGB, 224 × 224 by Pillow's bilinear filter, ImageNet's normalisation.",
                example: "local scores = metric.classification(net:predict(test), labels)", predict),
            .method(
                "forward",
                [LuaParameter("x", .object("Tensor"), "Normalised images `[N, H, W, 3]` f32.")],
                returns: [LuaResult("logits", .object("Tensor"), "`[N, classes]` f32.")],
                "The network alone, for checking it against its reference."
            ) { object, arguments in
                [.tensor(try object.classifier.forward(arguments.tensor("x")))]
            },
            .method(
                "save", [LuaParameter("path", .string, "The file, whole or not at all.")],
                "Writes the weights as safetensors under timm's names; `model.load_classifier` reads them."
            ) { object, arguments in
                try object.classifier.save(object.session.output(arguments.string("path")))
                return []
            },
        ],
        properties: [
            .property("name", .string, "The network's name.") { .string($0.classifier.name) },
            .property("classes", .integer, "How many classes it tells.") { .integer($0.classifier.classes) },
        ],
        operators: [
            .tostring: .unary { object in
                return .string("Classifier(\(object.classifier.name), \(object.classifier.classes) classes)")
            }
        ])

    private static let predict: (ClassifierObject, LuaArguments) throws -> [LuaValue] = { object, arguments in
        let options = try arguments.options("options")
        let task = PredictionTask(object.classifier)
        let outcome = try object.session.run(
            [task], over: ImageArguments.sources(arguments, "images"), options,
            clipping: ClippingPolicy(ImageArguments.way(options)), batch: ImageArguments.batch(options),
            label: options.string("label"))
        return [
            .tensor(try task.probabilities(outcome)), try ImageArguments.rows(outcome.kept),
            ImageArguments.lua(outcome.skipped), .list(outcome.files.map(\.sha256)),
            .fields([
                ("clipped", try ImageArguments.rows(outcome.clipped)), ("flat", try ImageArguments.rows(outcome.flat)),
            ]),
        ]
    }
}
