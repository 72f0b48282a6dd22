import Diffusion
import Imaging
import LuaRuntime
import Tensors

/// A VQGAN as Lua holds it.
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
    static let declaration = LuaClassDeclaration(
        "CodeAutoencoder", type: CodeAutoencoderObject.self, "The VQGAN of a pipeline, between images and codes.",
        methods: [
            LuaFunctionDeclaration(
                "encode",
                [
                    LuaParameter(
                        "images", .oneOf([.object("Tensor"), .list(.any)]),
                        "f32 `[N, H, W, 3]`, -1 to 1; or a list of images and paths, each in the size of the network by its shorter "
                            + "side (Lanczos), and of that the middle.")
                ],
                returns: [
                    LuaResult("codes", .object("Tensor"), "i64 `[N, T]`, row by row from the upper left, from 0.")
                ], "Codes of images."
            ) { arguments in
                let object = try arguments.object("self", as: CodeAutoencoderObject.self)
                let network = object.network
                if case .object(let tensor as TensorObject) = arguments.value("images") {
                    return [.tensor(try network.encode(tensor.tensor))]
                }
                let codes = try arguments.list("images").enumerated().map { index, item -> Tensor in
                    if case .object(let image as ImageObject) = item {
                        return try network.encode(network.picture(image.image))
                    }
                    guard let path = item.stringValue else {
                        throw arguments.fail("images[\(index + 1)]", "wanted an image or a path, got \(item.kind)")
                    }
                    return try network.encode(network.picture(Image.load(object.session.input(path))))
                }
                guard !codes.isEmpty else { throw arguments.fail("images", "wanted at least one image") }
                return [.tensor(try Tensor.cat(codes, axis: 0))]
            },
            LuaFunctionDeclaration(
                "decode", [LuaParameter("codes", .object("Tensor"), "i64 `[N, T]`, from 0; T is a square.")],
                returns: [LuaResult("images", .object("Tensor"), "f32 `[N, H, W, 3]`, about -1 to 1; nothing is cut.")],
                "Images of codes."
            ) { arguments in
                let network = try arguments.object("self", as: CodeAutoencoderObject.self).network
                return [.tensor(try network.decode(arguments.tensor("codes")))]
            },
        ],
        properties: [
            property("codebook_size", "How many codes there are.") { $0.codebookSize },
            property("size", "Pixels a side of the images that it was trained on.") { $0.pictureSize },
            property("codes", "Codes of such an image.") { $0.codesPerPicture },
        ])

    private static func property(
        _ name: String, _ text: String, _ get: @escaping (any CodeAutoencoder) -> Int
    ) -> LuaPropertyDeclaration {
        LuaPropertyDeclaration(name, .integer, text) {
            ($0 as? CodeAutoencoderObject).map { .integer(get($0.network)) } ?? .nil
        }
    }
}
