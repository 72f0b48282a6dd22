/// Where the values of `[images, pixels, channels]` lie, f32, in vectors of sixteen neighbouring channels.
///
/// Two layouts have this form: channels last, and blocks of sixteen channels, `[images, channels / 16, pixels, 16]`,
/// in which all values of sixteen channels of an image are neighbours and stay in a core's cache between two passes.
public struct NetPlanes: Sendable {
    public var images, pixels, channels: Int
    /// Elements from a pixel to the next, from sixteen channels to the next sixteen, from an image to the next.
    public var pixelStride, blockStride, imageStride: Int

    /// Channels-last activations, or blocked ones, whose channels are a multiple of sixteen.
    public init(images: Int, pixels: Int, channels: Int, isBlocked: Bool) {
        self.images = images
        self.pixels = pixels
        self.channels = channels
        pixelStride = isBlocked ? 16 : channels
        blockStride = isBlocked ? pixels * 16 : 16
        imageStride = pixels * channels
    }

    /// Vectors of channels, the last one perhaps in part.
    public var blocks: Int { (channels + 15) / 16 }

    /// How many channels the vector `block` holds.
    func width(_ block: Int) -> Int { min(16, channels - block * 16) }

    /// The first element of a vector of channels in an image.
    func start(_ image: Int, _ block: Int) -> Int { image * imageStride + block * blockStride }
}

/// Loads and stores of up to sixteen neighbouring floats: all of them, or the first few.
protocol NetLanes {
    static func load(_ base: UnsafePointer<Float>, _ index: Int, _ width: Int) -> SIMD16<Float>
    static func store(_ base: UnsafeMutablePointer<Float>, _ index: Int, _ value: SIMD16<Float>, _ width: Int)
}

enum FullLanes: NetLanes {
    @inline(__always)
    static func load(_ base: UnsafePointer<Float>, _ index: Int, _ width: Int) -> SIMD16<Float> {
        UnsafeRawPointer(base).loadUnaligned(fromByteOffset: index * 4, as: SIMD16<Float>.self)
    }
    @inline(__always)
    static func store(_ base: UnsafeMutablePointer<Float>, _ index: Int, _ value: SIMD16<Float>, _ width: Int) {
        UnsafeMutableRawPointer(base).storeBytes(of: value, toByteOffset: index * 4, as: SIMD16<Float>.self)
    }
}

enum PartialLanes: NetLanes {
    @inline(__always)
    static func load(_ base: UnsafePointer<Float>, _ index: Int, _ width: Int) -> SIMD16<Float> {
        var value = SIMD16<Float>.zero
        for lane in 0..<width { value[lane] = base[index + lane] }
        return value
    }
    @inline(__always)
    static func store(_ base: UnsafeMutablePointer<Float>, _ index: Int, _ value: SIMD16<Float>, _ width: Int) {
        for lane in 0..<width { base[index + lane] = value[lane] }
    }
}

/// Sixteen sums in double precision.
struct WideSums {
    private var low = SIMD8<Double>.zero
    private var high = SIMD8<Double>.zero

    @inline(__always)
    mutating func add(_ values: SIMD16<Float>) {
        low += SIMD8<Double>(values.lowHalf)
        high += SIMD8<Double>(values.highHalf)
    }

    subscript(lane: Int) -> Double { lane < 8 ? low[lane] : high[lane - 8] }
}
