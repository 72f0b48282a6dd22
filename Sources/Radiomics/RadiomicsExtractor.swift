import Imaging
import Threading
import Tensors

/// The radiomic features of one image.
public struct RadiomicsFeatures: Sendable {
    /// The numeric diagnostics that pyradiomics writes before the features.
    public let diagnostics: [Double]
    /// The features, in the order of the settings' `featureNames`.
    public let values: [Double]

    /// Features that were kept from before.
    public init(diagnostics: [Double], values: [Double]) {
        self.diagnostics = diagnostics
        self.values = values
    }
}

/// Computes radiomic features as pyradiomics 3.0.1 does for a slice and the mask that the reference uses.
public struct RadiomicsExtractor: Sendable {
    /// What is computed, and how.
    public let settings: RadiomicsSettings
    /// The largest image, in pixels.
    public static let mostPixels = 1 << 28

    /// An extractor with these settings.
    public init(_ settings: RadiomicsSettings = RadiomicsSettings()) { self.settings = settings }

    /// The names of the numeric diagnostics columns, which stand before the features.
    public static let diagnosticsNames = Diagnostics.names

    /// The features of an image, in grey levels of Pillow's mode "L".
    /// - Throws: `RadiomicsError.image` for one that has no features: too small, constant, or of too many grey levels.
    public func features(_ image: Image) throws -> RadiomicsFeatures {
        let grey = try image.converted(to: .gray)
        return try grey.withPixels { pixels in
            let values = pixels.map(Double.init)
            return try values.withUnsafeBufferPointer {
                try features($0, width: grey.width, height: grey.height)
            }
        }
    }

    /// The features of a grey image `[H, W]` of any dtype.
    /// - Throws: `RadiomicsError.image` for one that has no features, also where a value is not finite.
    public func features(_ image: Tensor) throws -> RadiomicsFeatures {
        guard image.rank == 2 || (image.rank == 3 && image.shape[2] == 1), image.count <= Self.mostPixels else {
            throw RadiomicsError.image("wanted a grey image [H, W], got \(Tensor.text(image.shape))")
        }
        let values = try image.contiguous().to(.f64).array(Double.self)
        return try values.withUnsafeBufferPointer { try features($0, width: image.shape[1], height: image.shape[0]) }
    }

    private func features(
        _ pixels: UnsafeBufferPointer<Double>, width: Int, height: Int
    ) throws -> RadiomicsFeatures {
        let prepared = try PreparedImage(pixels: pixels, width: width, height: height, settings)
        var values: [Double] = []
        if settings.hasOriginal { values += try measure(prepared.plane, prepared, settings.originalBinWidth) }
        if let wavelet = settings.wavelet {
            for image in prepared.wavelets(wavelet) {
                try Cancellation.check()
                values += try measure(image.plane, prepared, settings.waveletBinWidth)
            }
        }
        return RadiomicsFeatures(diagnostics: prepared.diagnostics, values: values)
    }

    private func measure(_ plane: Plane, _ prepared: PreparedImage, _ binWidth: Double?) throws -> [Double] {
        let region = try RegionOfLevels(plane, prepared, binWidth: binWidth ?? settings.binWidth)
        let area = (settings.spacing?.x ?? 1) * (settings.spacing?.y ?? 1)
        return settings.classes.flatMap { item -> [Double] in
            let all: [Double]
            switch item.kind {
            case .firstorder:
                all = FirstOrderFeatures.compute(region, shift: settings.voxelArrayShift, pixelArea: area)
            case .glcm: all = CooccurrenceFeatures.compute(region)
            case .glrlm: all = LengthFeatures.runs(region)
            case .glszm: all = LengthFeatures.zones(region)
            case .ngtdm: all = NeighbourhoodFeatures.compute(region)
            }
            let names = item.kind.features
            return item.features.compactMap { name in names.firstIndex(of: name).map { all[$0] } }
        }
    }

    /// The features of files, images in parallel: for each path its features or what is wrong with it.
    /// - Parameter onDone: called with the number of images that are done, from the calling thread.
    /// - Throws: `TensorError.stopped`.
    public func features(
        paths: [String], onDone: (Int) -> Void = { _ in }
    ) throws -> [Result<RadiomicsFeatures, any Error>] {
        var results: [Result<RadiomicsFeatures, any Error>] = []
        results.reserveCapacity(paths.count)
        let group = 4 * Parallel.threads
        for start in stride(from: 0, to: paths.count, by: group) {
            try Cancellation.check()
            let part = Array(paths[start..<min(paths.count, start + group)])
            var found = [Result<RadiomicsFeatures, any Error>?](repeating: nil, count: part.count)
            found.withUnsafeMutableBufferPointer { found in
                nonisolated(unsafe) let found = found
                Parallel.forEach(part.count) { index in
                    found[index] = Result { try features(Image.load(part[index])) }
                }
            }
            try Cancellation.check()
            results += found.compactMap { $0 }
            onDone(part.count)
        }
        return results
    }
}
