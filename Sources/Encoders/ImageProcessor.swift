import Engine
import Files
import Imaging
import Tensors

/// The steps of transformers' `BitImageProcessor` (4.50.3, the one on Pillow), from `preprocessor_config.json`.
public struct ImageProcessor: Sendable {
    enum Size: Equatable, Sendable {
        case shortestEdge(Int)
        case exact(height: Int, width: Int)
    }
    let size: Size?
    let filter: ResampleFilter
    let crop: (height: Int, width: Int)?
    let rescale: Double?
    let mean: [Double]
    let deviation: [Double]
    let normalises: Bool

    /// Reads `preprocessor_config.json`.
    /// - Throws: `FileError.malformed` for a missing, wrong or unknown key.
    public init(path: String) throws {
        let reader = try ConfigurationReader(path)
        for key in ["image_processor_type", "feature_extractor_type"] {
            let type = try reader.string(key, default: "BitImageProcessor")
            guard
                ["BitImageProcessor", "BitImageProcessorFast", "BitImageProcessorPil", "BitFeatureExtractor"].contains(
                    type)
            else { throw reader.fault(key, "wanted \"BitImageProcessor\", got \"\(type)\"") }
        }
        let filters: [ResampleFilter] = [.nearest, .lanczos, .bilinear, .bicubic, .box, .hamming]
        filter = filters[try reader.integer("resample", 0...5, default: 3)]
        size =
            try reader.boolean("do_resize", default: true)
            ? Self.size(reader, "size", number: { .shortestEdge($0) }, default: .shortestEdge(224)) : nil
        if try reader.boolean("do_center_crop", default: true) {
            let crop = try Self.size(
                reader, "crop_size", number: { .exact(height: $0, width: $0) }, default: .exact(height: 224, width: 224)
            )
            guard case .exact(let height, let width) = crop else {
                throw reader.fault("crop_size", "wanted a height and a width")
            }
            self.crop = (height, width)
        } else {
            crop = nil
        }
        rescale =
            try reader.boolean("do_rescale", default: true)
            ? try reader.number("rescale_factor", default: 1.0 / 255) : nil
        normalises = try reader.boolean("do_normalize", default: true)
        mean = try reader.numbers("image_mean", count: 3, default: [0.48145466, 0.4578275, 0.40821073])
        deviation = try reader.numbers("image_std", count: 3, default: [0.26862954, 0.26130258, 0.27577711])
        guard deviation.allSatisfy({ $0 != 0 }) else { throw reader.fault("image_std", "a deviation is 0") }
        try reader.refuseUnknown(
            // Sizes and factors of steps that are left out are not asked for.
            ignored: [
                "size", "crop_size", "rescale_factor", "do_convert_rgb", "processor_class", "data_format",
                "input_data_format", "return_tensors", "device",
                "disable_grouping", "default_to_square", "_processor_class", "_valid_processor_keys",
                "_valid_kwargs_names",
            ])
    }

    private static func size(
        _ reader: ConfigurationReader, _ key: String, number: (Int) -> Size, default standard: Size
    ) throws -> Size {
        guard let value = reader.value(key) else { return standard }
        let range = 1...ImageLimits.side
        if value.object == nil { return number(try reader.integer(key, range)) }
        let inner = ConfigurationReader(path: reader.path, value.object ?? [])
        try inner.refuseUnknown(ignored: ["shortest_edge", "height", "width"])
        if inner.value("shortest_edge") != nil { return .shortestEdge(try inner.integer("shortest_edge", range)) }
        return .exact(height: try inner.integer("height", range), width: try inner.integer("width", range))
    }

    /// The bytes u8 `[H, W, 3]` after resizing and cropping.
    public func bytes(_ image: Image) throws -> Tensor {
        var image = try image.converted(to: .rgb)
        switch size {
        case .shortestEdge(let edge): image = try image.resized(shortestEdge: edge, filter: filter)
        case .exact(let height, let width): image = try image.resized(width: width, height: height, filter: filter)
        case nil: break
        }
        if let crop { image = try image.centerCropped(width: crop.width, height: crop.height) }
        return try image.tensor()
    }

    /// The value of each byte in each channel after rescaling (in f64, rounded to f32) and normalising (in f32).
    func table() throws -> PixelTable {
        let (mean, deviation) = normalises ? (mean, deviation) : ([0, 0, 0], [1, 1, 1])
        return try PixelTable(mean: mean, deviation: deviation) { Float(Double($0) * (rescale ?? 1)) }
    }

    /// The steps in words, for a feature's identity.
    public var text: String {
        var steps = ["RGB"]
        switch size {
        case .shortestEdge(let edge): steps.append("shortest edge \(edge) \(filter.rawValue) (Pillow, antialiased)")
        case .exact(let height, let width): steps.append("\(width)x\(height) \(filter.rawValue) (Pillow, antialiased)")
        case nil: break
        }
        if let crop { steps.append("centre crop \(crop.width)x\(crop.height)") }
        if let rescale { steps.append("x*\(rescale)") }
        if normalises { steps.append("mean \(mean), std \(deviation)") }
        return steps.joined(separator: "; ")
    }
}
