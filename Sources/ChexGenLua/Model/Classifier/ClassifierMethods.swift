import Evaluation
import LuaRuntime
import Tensors
import Training

/// The class `Classifier` of Lua; `fit` is in `ClassifierFit.swift`.
enum ClassifierMethods {
    static let declaration = LuaClassDeclaration(
        "Classifier", type: ClassifierObject.self,
        "A network that gives each image a probability for each class; several classes may be true at once.",
        methods: [
            ClassifierFit.declaration,
            LuaFunctionDeclaration(
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
                ],
                "Probabilities for image files: RGB, 224 × 224 by Pillow's bilinear filter, ImageNet's normalisation.",
                example: "local scores = metric.classification(net:predict(test), labels)", body: predict),
            LuaFunctionDeclaration(
                "forward",
                [LuaParameter("x", .object("Tensor"), "Normalised images `[N, H, W, 3]` f32.")],
                returns: [LuaResult("logits", .object("Tensor"), "`[N, classes]` f32.")],
                "The network alone, for checking it against its reference."
            ) { arguments in
                let object = try arguments.object("self", as: ClassifierObject.self)
                return [.tensor(try object.classifier.forward(arguments.tensor("x")))]
            },
            LuaFunctionDeclaration(
                "save", [LuaParameter("path", .string, "The file, whole or not at all.")],
                "Writes the weights as safetensors under timm's names; `model.load_classifier` reads them."
            ) { arguments in
                let object = try arguments.object("self", as: ClassifierObject.self)
                try object.classifier.save(object.session.output(arguments.string("path")))
                return []
            },
        ],
        properties: [
            property("name", .string, "The network's name.") { .string($0.name) },
            property("classes", .integer, "How many classes it tells.") { .integer($0.classes) },
        ],
        operators: [
            .tostring: { values in
                guard case .object(let object as ClassifierObject) = values.first ?? .nil else {
                    return .string("Classifier")
                }
                return .string("Classifier(\(object.classifier.name), \(object.classifier.classes) classes)")
            }
        ])

    private static func property(
        _ name: String, _ type: LuaType, _ text: String, _ get: @escaping (Classifier) -> LuaValue
    ) -> LuaPropertyDeclaration {
        LuaPropertyDeclaration(name, type, text) { ($0 as? ClassifierObject).map { get($0.classifier) } ?? .nil }
    }

    private static let predict: (LuaArguments) throws -> [LuaValue] = { arguments in
        let object = try arguments.object("self", as: ClassifierObject.self)
        let options = try arguments.options("options")
        let task = PredictionTask(object.classifier)
        let outcome = try object.session.run(
            [task], over: ImageArguments.sources(arguments, "images"), options,
            clipping: ClippingPolicy(ImageArguments.way(options)), batch: ImageArguments.batch(options),
            label: options.string("label"))
        if let note = outcome.note { object.session.note(note) }
        return [
            .tensor(try task.probabilities(outcome)), try ImageArguments.rows(outcome.kept),
            ImageArguments.lua(outcome.skipped),
        ]
    }
}
