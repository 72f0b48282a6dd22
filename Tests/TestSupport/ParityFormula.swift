/// Uniform values by formula, as Tests/Parity/generators/formula.py makes them: splitmix64 of the FNV-1a hash of the name plus
/// the index, upper 24 bits.
public func uniform(_ name: String, _ shape: [Int], _ low: Float = -1, _ high: Float = 1) -> [Float] {
    var seed: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in name.utf8 { seed = (seed ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let count = shape.reduce(1, *)
    return [Float](unsafeUninitializedCapacity: count) { buffer, filled in
        for index in 0..<count {
            var z = seed &+ (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z = z ^ (z >> 31)
            buffer[index] = low + (high - low) * (Float(z >> 40) / Float(1 << 24))
        }
        filled = count
    }
}

/// A plausible value for a parameter of any of our networks, by its name and shape, as `weight` of the same script.
public func weightValues(_ name: String, _ shape: [Int], salt: String = "") -> [Float] {
    let key = salt + name
    if name.hasSuffix("running_var") { return uniform(key, shape, 0.5, 1.5) }
    if name.hasSuffix("lambda1") { return uniform(key, shape, 0.1, 0.9) }
    if shape.count == 1 {
        return name.hasSuffix("weight") ? uniform(key, shape, 0.8, 1.2) : uniform(key, shape, -0.1, 0.1)
    }
    if name.contains("embeddings.cls_token") || name.contains("embeddings.position") {
        return uniform(key, shape, -0.5, 0.5)
    }
    let inputs = shape.dropFirst().reduce(1, *)
    let bound = Float((shape.count == 4 && shape[1] != 3 ? 6.0 : 3.0) / Double(inputs)).squareRoot()
    return uniform(key, shape, -bound, bound)
}
