import Imaging
import LuaRuntime
import Tensors

/// An image as Lua holds it.
package final class ImageObject: LuaExternalBytes {
    package let image: Image

    package init(_ image: Image) { self.image = image }

    package var externalBytes: Int { image.byteCount }
}

/// `chexgen.image`: decode, encode, resample; every result equals Pillow's.
enum ImageModule {
    static func declaration(_ session: ScriptContext) -> LuaModuleDeclaration {
        LuaModuleDeclaration(
            "chexgen.image", "Images of 8 bits a channel. Decoding and resampling equal Pillow's to the byte.",
            functions: functions(session), classes: [imageClass])
    }

    static let result = [LuaResult("image", .object("Image"), "A new image.")]

    private static func functions(_ session: ScriptContext) -> [LuaFunctionDeclaration] {
        [
            LuaFunctionDeclaration(
                "load",
                [
                    LuaParameter("path", .string, "A PNG or JPEG file."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter(
                                "mode", .choice(["rgb", "gray"]), optional: true,
                                "Convert to this mode; the file's own where absent.")
                        ]), optional: true, "How to read it."),
                ], returns: result,
                "Reads an image. A file that is truncated or damaged is an error, never a partial image."
            ) { arguments in
                let mode = arguments.has("options") ? try mode(arguments.options("options")) : nil
                return [
                    .object(ImageObject(try Image.load(session.input(arguments.string("path")), mode: mode)))
                ]
            },
            LuaFunctionDeclaration(
                "save",
                [
                    LuaParameter("path", .string, "A name ending in .png, .jpg or .jpeg."),
                    LuaParameter("image", .object("Image"), "The image."),
                    LuaParameter(
                        "options",
                        .options([LuaParameter("quality", .integer, default: .integer(95), "JPEG quality, 1 to 100.")]),
                        optional: true, "How to write it."),
                ], "Writes an image, whole or not at all."
            ) { arguments in
                let path = try session.output(arguments.string("path"))
                let quality = arguments.has("options") ? try arguments.options("options").integer("quality") : 95
                try arguments.object("image", as: ImageObject.self).image.save(path, quality: quality)
                return []
            },
            LuaFunctionDeclaration(
                "from_tensor",
                [
                    LuaParameter(
                        "tensor", .object("Tensor"),
                        "u8 of [H, W] or [H, W, C], C of 1 (gray), 2 (gray and alpha), 3 (RGB) or 4 (RGBA).")
                ],
                returns: result, "Makes an image of a tensor's values."
            ) { arguments in [.object(ImageObject(try Image.from(arguments.tensor("tensor"))))] },
            LuaFunctionDeclaration(
                "grid",
                [
                    LuaParameter("images", .list(.object("Image")), "The images, row by row."),
                    LuaParameter(
                        "options",
                        .options([
                            LuaParameter("columns", .integer, default: .integer(4), "Images a row."),
                            LuaParameter("padding", .integer, default: .integer(2), "Pixels between images."),
                        ]), optional: true, "The layout."),
                ], returns: result, "Puts images side by side, in cells of the largest size."
            ) { arguments in
                let images = try list(arguments, "images")
                let options = arguments.has("options") ? try arguments.options("options") : nil
                let columns = try options?.integer("columns") ?? 4
                return [
                    .object(
                        ImageObject(
                            try Image.grid(images, columns: columns, padding: options?.integer("padding") ?? 2)))
                ]
            },
        ]
    }

    /// The images of a list argument.
    static func list(_ arguments: LuaArguments, _ name: String) throws -> [Image] {
        try arguments.list(name).map { value in
            guard case .object(let object as ImageObject) = value else {
                throw arguments.fail(name, "wanted a list of images, got \(value.kind) in it")
            }
            return object.image
        }
    }

    private static func mode(_ options: LuaArguments) throws -> Image.Mode? {
        guard options.has("mode") else { return nil }
        return try options.string("mode") == "gray" ? .gray : .rgb
    }

    // MARK: The class

    private static func method(
        _ name: String, _ parameters: [LuaParameter] = [], returns: [LuaResult] = result, _ text: String,
        _ body: @escaping (Image, LuaArguments) throws -> LuaValue
    ) -> LuaClass<ImageObject>.Method {
        .method(name, parameters, returns: returns, text) { object, arguments in
            [try body(object.image, arguments)]
        }
    }

    private static let sizeOptions = [
        LuaParameter("width", .integer, "Pixels across."), LuaParameter("height", .integer, "Pixels down."),
    ]

    private static let imageClass = LuaClass<ImageObject>.declaration(
        "Image", "An image in memory; methods return new images.",
        methods: [
            method(
                "resize",
                [
                    LuaParameter(
                        "options",
                        .options(
                            sizeOptions + [
                                LuaParameter(
                                    "filter", .choice(ResampleFilter.allCases.map(\.rawValue)),
                                    default: .string("bicubic"), "The resampling filter.")
                            ]), "Size and filter.")
                ], "Resamples with Pillow's antialiased fixed-point filters."
            ) { image, arguments in
                let options = try arguments.options("options")
                guard let filter = ResampleFilter(rawValue: try options.string("filter")) else {
                    throw options.fail("filter", "unknown filter")
                }
                return .object(
                    ImageObject(
                        try image.resized(
                            width: options.integer("width"), height: options.integer("height"), filter: filter)))
            },
            method(
                "crop",
                [
                    LuaParameter(
                        "options",
                        .options(
                            [
                                LuaParameter("left", .integer, default: .integer(0), "Pixels left of it."),
                                LuaParameter("top", .integer, default: .integer(0), "Pixels above it."),
                            ] + sizeOptions), "The part to keep, offsets counted from 0.")
                ], "Cuts out a rectangle."
            ) { image, arguments in
                let options = try arguments.options("options")
                return .object(
                    ImageObject(
                        try image.cropped(
                            left: options.integer("left"), top: options.integer("top"),
                            width: options.integer("width"), height: options.integer("height"))))
            },
            method(
                "center_crop", [LuaParameter("options", .options(sizeOptions), "The size to keep.")],
                "Cuts out the middle, as torchvision's CenterCrop."
            ) { image, arguments in
                let options = try arguments.options("options")
                return .object(
                    ImageObject(
                        try image.centerCropped(
                            width: options.integer("width"), height: options.integer("height"))))
            },
            method(
                "flip",
                [
                    LuaParameter(
                        "axis", .choice(["horizontal", "vertical"]), default: .string("horizontal"), "Which way.")
                ], "Mirrors the image."
            ) { image, arguments in
                .object(
                    ImageObject(
                        try arguments.string("axis") == "vertical"
                            ? image.flippedVertically() : image.flippedHorizontally()))
            },
            method(
                "rotate",
                [
                    LuaParameter("degrees", .number, "The angle, counter-clockwise."),
                    LuaParameter(
                        "filter", .choice(["nearest", "bilinear"]), default: .string("nearest"), "The filter."),
                ], "Turns the image about its middle; the size stays, corners are black."
            ) { image, arguments in
                let filter: RotateFilter = try arguments.string("filter") == "bilinear" ? .bilinear : .nearest
                return .object(ImageObject(try image.rotated(degrees: arguments.number("degrees"), filter: filter)))
            },
            method(
                "convert", [LuaParameter("mode", .choice(["rgb", "gray"]), "The wanted mode.")],
                "Converts the mode as Pillow does."
            ) { image, arguments in
                .object(ImageObject(try image.converted(to: try arguments.string("mode") == "gray" ? .gray : .rgb)))
            },
            method(
                "tensor", returns: [LuaResult("tensor", .object("Tensor"), "u8 of [H, W, C].")],
                "The pixels as a tensor."
            ) { image, _ in .tensor(try image.tensor()) },
        ],
        properties: [
            .property("width", .integer, "Pixels across.") { .integer($0.image.width) },
            .property("height", .integer, "Pixels down.") { .integer($0.image.height) },
            .property("mode", .string, "`gray`, `rgb`, `rgba` or Pillow's name of another mode.") {
                switch $0.image.mode {
                case .gray: return .string("gray")
                case .rgb: return .string("rgb")
                default: return .string($0.image.mode.rawValue.lowercased())
                }
            },
        ],
        operators: [
            .tostring: .unary { object in
                let image = object.image
                return .string("Image(\(image.width) x \(image.height), \(image.mode.rawValue))")
            }
        ])

}
