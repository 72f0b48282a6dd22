import Checkpoints
import Datasets
import Evaluation
import LuaRuntime
import Tensors
import Training

/// A classifier as Lua holds it.
final class ClassifierObject: LuaExternalBytes {
    let classifier: Classifier
    let session: ScriptContext

    init(_ classifier: Classifier, _ session: ScriptContext) {
        self.classifier = classifier
        self.session = session
    }

    var externalBytes: Int { classifier.byteCount }
}

/// The part of `chexgen.model` that makes classifiers. Their methods are in `ClassifierMethods.swift`.
enum ClassifierModule {
    static func functions(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        [classifier(session), load(session), checkImages(session)]
    }

    static func names(_ session: ScriptContext) -> LuaConstantDeclaration {
        LuaConstantDeclaration(
            "classifiers", .list(.string), .list(session.classifiers.names), "The classifiers that the program knows.")
    }

    private static func classifier(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "classifier",
            [
                LuaParameter(
                    "name", .choice(session.classifiers.names),
                    "The network, as timm and torchvision name it: \(session.classifiers.listing)."),
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter("classes", .integer, default: .integer(Pathologies.count), "How many classes."),
                        LuaParameter(
                            "weights", .string, optional: true,
                            "A file, a folder, or a Hub name found in the local cache, with timm's or torchvision's names. "
                                + "A head of another size is replaced by a new one. Without it all weights are drawn."),
                        LuaParameter("seed", .integer, optional: true, "Of what is drawn; the run's where absent."),
                    ]), default: .table(LuaTable()), "The classes and the weights at the start."),
            ], returns: [LuaResult("net", .object("Classifier"), "The network, f32.")],
            "Makes a network that tells which classes an image shows, each for itself. What is drawn follows PyTorch's rules.",
            example: """
                local net = model.classifier("resnet50", { classes = 14, weights = "resnet50.safetensors", seed = 42 })
                local history = net:fit{ train = train, validation = held_out, uncertain = 0, missing = 0 }
                """
        ) { arguments in
            let options = try arguments.options("options")
            var weights: String?
            if options.has("weights") {
                // What is pinned is the file that a folder or a Hub name leads to.
                let path = try HubCache.locate(options.string("weights"))
                weights = path
                for file in try Checkpoint.open(path).files { _ = try session.input(file) }
            }
            let seed = options.has("seed") ? try options.integer("seed") : session.seed
            let made = try Classifier(
                arguments.string("name"), classes: options.integer("classes"), weights: weights,
                seed: UInt64(bitPattern: Int64(seed)), of: session.classifiers)
            return [.object(ClassifierObject(made, session))]
        }
    }

    private static func load(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "load_classifier", [LuaParameter("path", .string, "A file of `net:save` or of `best` in `net:fit`.")],
            returns: [LuaResult("net", .object("Classifier"), "The network with the file's weights.")],
            "Reads a classifier; its name and its number of classes are in the file."
        ) { arguments in
            let path = try arguments.string("path")
            // A file that this run wrote is a result of its inputs, not one of them.
            let isResult = session.folder.map { path.hasPrefix($0.path + "/") } ?? false
            if !isResult { _ = try session.input(path) }
            return [.object(ClassifierObject(try Classifier.load(path, of: session.classifiers), session))]
        }
    }

    private static func checkImages(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "check_images",
            [
                LuaParameter("images", .oneOf([.object("Dataset"), .list(.string)]), "Image files."),
                LuaParameter("options", .options([ClassifierFit.protocolOption]), default: .table(LuaTable()), "How."),
            ],
            returns: [
                LuaResult("kept", .object("Tensor"), "i64: the rows, from 1, whose image can be read."),
                LuaResult("skipped", .list(.table), "`index`, `path` and `reason` of every other one."),
            ], "Decodes every image, to know the broken ones before a long computation."
        ) { arguments in
            let outcome = try session.run(
                [], over: ImageArguments.sources(arguments, "images"), skipsBad: true,
                clipping: ClippingPolicy(ImageArguments.way(arguments.options("options"))), label: "checking images")
            return [try ImageArguments.rows(outcome.kept), ImageArguments.lua(outcome.skipped)]
        }
    }
}
