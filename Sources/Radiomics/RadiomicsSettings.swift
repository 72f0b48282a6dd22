import Files

/// Which features are computed and how, in pyradiomics' terms. The defaults are the reference's.
public struct RadiomicsSettings: Sendable {
    /// The width of a grey level after normalisation.
    public var binWidth = 5.0
    /// Bin widths of the original and of the wavelet images where they are not `binWidth`.
    public var originalBinWidth, waveletBinWidth: Double?
    /// Whether intensities become z-scores of the image.
    public var normalizes = true
    /// What z-scores are multiplied by.
    public var normalizeScale = 100.0
    /// The new pixel spacing along columns and rows, where the file's is 1; nil or 0 leaves an axis as it is.
    public var spacing: (x: Double, y: Double)? = (2, 2)
    /// Added to intensities in the features of energy.
    public var voxelArrayShift = 300.0
    /// The wavelet's name; nil leaves the wavelet images out.
    public var wavelet: String? = "coif1"
    /// Whether the unfiltered image is measured.
    public var hasOriginal = true
    /// Whether `LoG` was asked for: pyradiomics leaves it out for an image of one slice, and so do we.
    public var asksForLoG = true
    /// The classes with their features, in order.
    public var classes: [(kind: FeatureClass, features: [String])] = FeatureClass.allCases.map { ($0, $0.features) }

    /// The reference's settings.
    public init() {}

    /// Reads settings with pyradiomics' own keys: `setting`, `imageType`, `featureClass`.
    /// - Throws: `RadiomicsError.setting` naming a key that is unknown, or a value that is not supported.
    public init(_ json: JSON) throws {
        guard let parts = json.object else { throw Self.fault("", "wanted setting, imageType and featureClass") }
        for (key, value) in parts {
            switch key {
            case "setting": for (name, item) in try Self.map(key, value) { try read(name, item) }
            case "imageType": try readImageTypes(value)
            case "featureClass": try readClasses(value)
            default: throw Self.fault(key, "not known; known are setting, imageType and featureClass")
            }
        }
    }

    /// A text that tells settings apart, for caches and identities.
    public var identity: String {
        let space = spacing.map { "\($0.x)x\($0.y)" } ?? "none"
        let lists = classes.map { $0.kind.rawValue + "(" + $0.features.joined(separator: ",") + ")" }
        let widths = [originalBinWidth, waveletBinWidth].map { $0.map { "/\($0)" } ?? "" }
        return "binWidth=\(binWidth) normalize=\(normalizes)/\(normalizeScale) spacing=\(space) "
            + "shift=\(voxelArrayShift) images=\(hasOriginal ? "original" : "")\(widths[0])+\(wavelet ?? "")\(widths[1]) "
            + lists.joined(separator: " ")
    }

    /// The identity in a few words, with a hash of all of it.
    public var shortIdentity: String {
        "pyradiomics-3.0.1 binWidth=\(binWidth) settings=\(SHA256.hex(of: identity).prefix(16))"
    }

    /// The images that are measured, in pyradiomics' order.
    var imageNames: [String] {
        (hasOriginal ? ["original"] : [])
            + (wavelet == nil ? [] : ["wavelet-LH", "wavelet-HL", "wavelet-HH", "wavelet-LL"])
    }

    /// The names of all features, in order.
    public var featureNames: [String] {
        imageNames.flatMap { image in
            classes.flatMap { item in item.features.map { "\(image)_\(item.kind.rawValue)_\($0)" } }
        }
    }

    private static func fault(_ name: String, _ message: String) -> RadiomicsError {
        .setting(name: name, message: message)
    }

    /// The entries of a map, which may be left empty.
    private static func map(_ name: String, _ value: JSON) throws -> [(key: String, value: JSON)] {
        if value == .null { return [] }
        guard let entries = value.object else { throw fault(name, "wanted a map of keys, got \(value.text())") }
        return entries
    }

    private mutating func read(_ name: String, _ value: JSON) throws {
        func number() throws -> Double {
            guard let number = value.number, number.isFinite else {
                throw Self.fault(name, "wanted a number, got \(value.text())")
            }
            return number
        }
        func only(_ wanted: JSON...) throws {
            guard wanted.contains(value) else {
                throw Self.fault(
                    name, "only \(wanted.map { $0.text() }.joined(separator: " or ")) is supported, got \(value.text())"
                )
            }
        }
        switch name {
        case "binWidth": binWidth = try Self.binWidth(name, value)
        case "normalize":
            guard let flag = value.boolean else { throw Self.fault(name, "wanted true or false") }
            normalizes = flag
        case "normalizeScale": normalizeScale = try number()
        case "voxelArrayShift": voxelArrayShift = try number()
        case "resampledPixelSpacing": spacing = try Self.spacing(name, value)
        case "label", "force2DLabel", "distances", "symmetricalGLCM", "weightingNorm", "removeOutliers", "force2D",
            "force2Ddimension", "gldm_a":
            let supported: [String: [JSON]] = [
                "label": [.integer(1)], "force2DLabel": [.integer(1)], "distances": [.array([.integer(1)])],
                "symmetricalGLCM": [.boolean(true)], "weightingNorm": [.null], "removeOutliers": [.null],
                "force2D": [.boolean(true)], "force2Ddimension": [.integer(0)], "gldm_a": [.integer(0)],
            ]
            guard supported[name]?.contains(value) == true else {
                throw Self.fault(name, "only \(supported[name]?.first?.text() ?? "") is supported, got \(value.text())")
            }
        case "interpolator": try only(.string("sitkBSpline"), .integer(3))
        // These change nothing for a mask that is the whole image.
        case "padDistance", "preCrop", "minimumROIDimensions", "minimumROISize", "geometryTolerance", "correctMask",
            "additionalInfo", "enableCExtensions":
            break
        default:
            throw Self.fault(name, "not known")
        }
    }

    private static func binWidth(_ name: String, _ value: JSON) throws -> Double {
        guard let width = value.number, width.isFinite, width > 0 else {
            throw fault(name, "wanted a number more than 0, got \(value.text())")
        }
        return width
    }

    private static func spacing(_ name: String, _ value: JSON) throws -> (x: Double, y: Double)? {
        if value == .null { return nil }
        let list = value.array?.compactMap(\.number) ?? []
        guard (2...3).contains(list.count), list.count == value.array?.count,
            list.allSatisfy({ $0.isFinite && $0 >= 0 && ($0 == 0 || (0.05...1000).contains($0)) }),
            list.count == 2 || list[2] <= 1
        else { throw fault(name, "wanted two spacings from 0.05 to 1000, or 0, and a third of 0; got \(value.text())") }
        return (list[0] == 0 ? 1 : list[0], list[1] == 0 ? 1 : list[1])
    }

    private mutating func readImageTypes(_ value: JSON) throws {
        (hasOriginal, wavelet, asksForLoG) = (false, nil, false)
        (originalBinWidth, waveletBinWidth) = (nil, nil)
        for (name, options) in try Self.map("imageType", value) {
            let options = try Self.map("imageType.\(name)", options)
            switch name {
            case "Original":
                hasOriginal = true
                for (key, item) in options {
                    guard key == "binWidth" else { throw Self.fault("imageType.Original.\(key)", "not known") }
                    originalBinWidth = try Self.binWidth("imageType.Original.binWidth", item)
                }
            case "LoG": asksForLoG = true
            case "Wavelet":
                wavelet = "coif1"
                for (key, item) in options {
                    switch key {
                    case "wavelet":
                        guard let chosen = item.string, WaveletFilter.low[chosen] != nil else {
                            let known = WaveletFilter.low.keys.sorted().joined(separator: ", ")
                            throw Self.fault("wavelet", "wanted one of \(known), got \(item.text())")
                        }
                        wavelet = chosen
                    case "level" where item.integer == 1, "start_level" where item.integer == 0: break
                    case "binWidth": waveletBinWidth = try Self.binWidth("imageType.Wavelet.binWidth", item)
                    default: throw Self.fault("imageType.Wavelet.\(key)", "not known, or not with \(item.text())")
                    }
                }
            default: throw Self.fault("imageType.\(name)", "not known; known are Original, LoG and Wavelet")
            }
        }
        guard hasOriginal || wavelet != nil else { throw Self.fault("imageType", "no image is left to be measured") }
    }

    private mutating func readClasses(_ value: JSON) throws {
        classes = []
        for (name, list) in try Self.map("featureClass", value) {
            guard let kind = FeatureClass(rawValue: name) else {
                let known = FeatureClass.allCases.map(\.rawValue).joined(separator: ", ")
                throw Self.fault("featureClass.\(name)", "not known; known are \(known)")
            }
            // As in pyradiomics, no list asks for all of a class, and so does an empty one.
            guard let named = list == .null ? [] : list.array else {
                throw Self.fault("featureClass.\(name)", "wanted a list of features, got \(list.text())")
            }
            if named.isEmpty {
                classes.append((kind, kind.features))
                continue
            }
            let features = try named.map { item in
                guard let feature = item.string, kind.features.contains(feature) else {
                    throw Self.fault("featureClass.\(name)", "\(item.text()) is not known")
                }
                return feature
            }
            classes.append((kind, features))
        }
        guard !classes.isEmpty else { throw Self.fault("featureClass", "no class is left") }
    }
}
