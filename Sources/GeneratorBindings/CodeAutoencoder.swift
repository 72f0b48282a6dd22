import ChexGenLua
import Diffusion
import Evaluation
import Imaging
import LuaRuntime
import Tensors

/// A code autoencoder as Lua holds it.
final class CodeAutoencoderObject {
    let network: any CodeAutoencoder
    let session: ScriptContext

    init(_ network: any CodeAutoencoder, _ session: ScriptContext) {
        self.network = network
        self.session = session
    }
}

/// The class `CodeAutoencoder` of Lua.
enum CodeAutoencoderModule {
    static let declaration = LuaClass<CodeAutoencoderObject>.declaration(
        "CodeAutoencoder", "The network of a pipeline between images and codes.",
        methods: [
            .method(
                "encode",
                [
                    LuaParameter(
                        "images", .oneOf([.object("Tensor"), .list(.any)]),
                        "f32 `[N, H, W, 3]`, -1 to 1; or a list of images and paths, each in the size of the network by its shorter "
                            + "side (Lanczos), and of that the middle."),
                    LuaParameter(
                        "options", .options([ImageArguments.way]), default: .table(LuaTable()), "How images are read."),
                ],
                returns: [
                    LuaResult("codes", .object("Tensor"), "i64 `[N, T]`, row by row from the upper left, from 0.")
                ], "Codes of images."
            ) { object, arguments in
                if case .object(let tensor as TensorObject) = arguments.value("images") {
                    return [.tensor(try object.network.encode(tensor.tensor))]
                }
                return [.tensor(try encode(arguments, object))]
            },
            .method(
                "decode", [LuaParameter("codes", .object("Tensor"), "i64 `[N, T]`, from 0; T is a square.")],
                returns: [LuaResult("images", .object("Tensor"), "f32 `[N, H, W, 3]`, about -1 to 1; nothing is cut.")],
                "Images of codes."
            ) { object, arguments in
                [.tensor(try object.network.decode(arguments.tensor("codes")))]
            },
        ],
        properties: [
            property("codebook_size", "How many codes there are.") { $0.codebookSize },
            property("size", "Pixels a side of the images that it was trained on.") { $0.pictureSize },
            property("codes", "Codes of such an image.") { $0.codesPerPicture },
        ])

    /// Codes of a list of images and paths; all bad files are told together.
    private static func encode(_ arguments: LuaArguments, _ object: CodeAutoencoderObject) throws -> Tensor {
        let (network, session) = (object.network, object.session)
        let clipping = ClippingPolicy(try ImageArguments.way(arguments.options("options")))
        let items = try arguments.list("images")
        guard !items.isEmpty else { throw arguments.fail("images", "wanted at least one image") }
        var codes = [Tensor?](repeating: nil, count: items.count)
        var files: [(place: Int, source: ImageSource)] = []
        for (index, item) in items.enumerated() {
            if case .object(let image as ImageObject) = item {
                let facts = ImageFacts(image.image)
                guard clipping == .counted || !facts.isClipped else {
                    throw arguments.fail("images[\(index + 1)]", facts.refusal)
                }
                codes[index] = try network.encode(network.picture(image.image))
            } else if let path = item.stringValue {
                files.append((index, ImageSource(path)))
            } else {
                throw arguments.fail("images[\(index + 1)]", "wanted an image or a path, got \(item.kind)")
            }
        }
        if !files.isEmpty {
            let task = AnswerTask(prepare: { try network.picture($0) }) { inputs in
                for input in inputs { codes[files[input.index].place] = try network.encode(input.tensor) }
            }
            _ = try session.run(
                [task], over: files.map(\.source), skipsBad: false, clipping: clipping, label: "")
        }
        return try Tensor.cat(codes.compactMap { $0 }, axis: 0)
    }

    private static func property(
        _ name: String, _ text: String, _ get: @escaping (any CodeAutoencoder) -> Int
    ) -> LuaClass<CodeAutoencoderObject>.Property {
        .property(name, .integer, text) { .integer(get($0.network)) }
    }
}
