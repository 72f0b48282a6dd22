/// Where a centre crop starts when the margin is odd, and how a too small image is padded.
public enum CenterCropRule: Sendable {
    /// transformers' `center_crop`: offsets are rounded down.
    case floor
    /// torchvision's `CenterCrop`: offsets are rounded half to even; padding puts the odd pixel behind.
    case halfToEven

    func offset(size: Int, crop: Int) -> Int {
        let margin = size - crop
        switch self {
        case .floor: return margin >= 0 ? margin / 2 : -((1 - margin) / 2)
        case .halfToEven: return margin >= 0 ? Int((Double(margin) / 2).rounded(.toNearestOrEven)) : -(-margin / 2)
        }
    }
}

extension Image {
    /// The rectangle that starts at column `left` and row `top`, counted from 0.
    /// - Throws: `ImageError.argument` where it does not lie inside the image.
    public func cropped(left: Int, top: Int, width: Int, height: Int) throws -> Image {
        guard width > 0, height > 0, left >= 0, top >= 0, width <= self.width, height <= self.height,
            left <= self.width - width, top <= self.height - height
        else {
            throw ImageError.argument(
                operation: "crop",
                message: "\(width)×\(height) pixels from column \(left), row \(top) do not lie inside an image of "
                    + "\(self.width)×\(self.height)")
        }
        return try window(left: left, top: top, width: width, height: height)
    }

    /// The middle of the image. Where the crop is larger than the image, zeros surround it.
    /// - Parameters:
    ///   - rule: how odd margins are split.
    /// - Throws: `ImageError.argument` for a size below 1 or outside `ImageLimits`.
    public func centerCropped(width: Int, height: Int, rule: CenterCropRule = .floor) throws -> Image {
        guard (1...ImageLimits.side).contains(width), (1...ImageLimits.side).contains(height) else {
            throw ImageError.argument(
                operation: "center crop",
                message: "wanted sides of 1 to \(ImageLimits.side) pixels, got \(width)×\(height)")
        }
        return try window(
            left: rule.offset(size: self.width, crop: width), top: rule.offset(size: self.height, crop: height),
            width: width, height: height)
    }

    /// A window that may reach over the image's edges; zeros lie there. All values are at most `ImageLimits.side`.
    private func window(left: Int, top: Int, width: Int, height: Int) throws -> Image {
        let size = mode.bytesPerPixel
        let first = max(0, left)
        let last = min(self.width, left + width)
        return try derived(width: width, height: height) { target in
            guard first < last else { return }
            withPointer { source in
                for row in max(0, top)..<max(0, top, min(self.height, top + height)) {
                    (target + ((row - top) * width + first - left) * size).update(
                        from: source + row * bytesPerRow + first * size, count: (last - first) * size)
                }
            }
        }
    }

    /// The mirror image, left and right exchanged.
    public func flippedHorizontally() throws -> Image {
        try remapped(width: width, height: height) { x, y in (self.width - 1 - x, y) }
    }

    /// The image upside down.
    public func flippedVertically() throws -> Image {
        try remapped(width: width, height: height) { x, y in (x, self.height - 1 - y) }
    }

    /// An image whose pixel (x, y) is this one's pixel at `position(x, y)`, which must lie inside.
    @inline(__always)
    func remapped(width: Int, height: Int, _ position: (Int, Int) -> (Int, Int)) throws -> Image {
        let size = mode.bytesPerPixel
        return try derived(width: width, height: height) { target in
            withPointer { source in
                var to = target
                for y in 0..<height {
                    for x in 0..<width {
                        let (column, row) = position(x, y)
                        let from = source + row * bytesPerRow + column * size
                        for byte in 0..<size { to[byte] = from[byte] }
                        to += size
                    }
                }
            }
        }
    }
}
