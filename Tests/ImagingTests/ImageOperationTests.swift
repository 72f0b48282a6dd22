import Imaging
import Tensors
import TestSupport
import Testing

/// What operations refuse, and their values where no reference is needed.
@Suite struct ImageOperationTests {
    @Test func tensorsBothWays() throws {
        let image = try formula(.rgb, 5, 4, seed: 2)
        let tensor = try image.tensor()
        #expect(tensor.shape == [4, 5, 3])
        #expect(try tensor.array(UInt8.self) == image.pixels)
        #expect(try Image.from(tensor).pixels == image.pixels)
        let flat = try Tensor([UInt8(1), 2, 3, 4, 5, 6], shape: [2, 3])
        #expect(try Image.from(flat).mode == .gray)
        // A view with gaps: columns 1 and 2 of the flat image.
        let view = try Tensor(storage: flat.storage, dtype: .u8, shape: [2, 2], strides: [3, 1], offset: 1)
        #expect(try Image.from(view).pixels == [2, 3, 5, 6])
        let deep = try Image(width: 2, height: 1, mode: .gray16, pixels: [1, 2, 255, 255])
        #expect(try deep.tensor().array(Int32.self) == [513, 65_535])
    }

    @Test func tensorsThatAreNoImages() throws {
        let floats = try Tensor([Float(0.5)], shape: [1, 1])
        #expect(message { _ = try Image.from(floats) }.contains("got f32; scale to 0 ... 255"))
        for shape in [[2], [1, 1, 5], [1, 1, 1, 1], [0, 3], [3, 0, 3]] {
            let tensor = try Tensor.zeros(shape, .u8)
            #expect(throws: ImageError.self, "\(shape)") { try Image.from(tensor) }
        }
    }

    @Test func wrongArguments() throws {
        let image = try formula(.rgb, 6, 5, seed: 2)
        #expect(throws: ImageError.self) { try Image(width: 2, height: 2, mode: .rgb, pixels: [1, 2, 3]) }
        for (width, height) in [(0, 1), (1, -1), (16_385, 1), (Int.max, Int.max), (Int.min, 1), (9000, 9000)] {
            for filter in ResampleFilter.allCases {
                #expect(throws: ImageError.self) { try image.resized(width: width, height: height, filter: filter) }
            }
            #expect(throws: ImageError.self) { try image.centerCropped(width: width, height: height) }
        }
        #expect(throws: ImageError.self) { try image.resized(shortestEdge: 0, filter: .bicubic) }
        #expect(throws: ImageError.self) {
            try formula(.gray, 1000, 1, seed: 1).resized(shortestEdge: 100, filter: .box)
        }
        for (left, top, width, height) in [(-1, 0, 2, 2), (5, 0, 2, 2), (0, 4, 1, 2), (0, 0, 0, 1), (Int.max, 0, 1, 1)]
        {
            #expect(throws: ImageError.self) {
                try image.cropped(left: left, top: top, width: width, height: height)
            }
        }
        #expect(throws: ImageError.self) { try image.rotated(degrees: .nan) }
        #expect(throws: ImageError.self) { try image.rotated(degrees: .infinity) }
        #expect(throws: ImageError.self) { try image.rotated(degrees: 10, fill: [1]) }
        #expect(throws: ImageError.self) { try image.converted(to: .cmyk) }
        let deep = try formula(.gray16, 6, 5, seed: 2)
        #expect(throws: ImageError.self) { try deep.rotated(degrees: 10, filter: .bilinear) }
        #expect(try image.rotated(degrees: 1e300).width == 6)
        #expect(try image.rotated(degrees: -1e-300).pixels == image.pixels)
    }

    @Test func grids() throws {
        let image = try formula(.gray, 3, 2, seed: 2)
        let (other, colours) = try (formula(.gray, 2, 3, seed: 2), formula(.rgb, 3, 2, seed: 2))
        #expect(throws: ImageError.self) { try Image.grid([], columns: 1) }
        #expect(throws: ImageError.self) { try Image.grid([image], columns: 0) }
        #expect(throws: ImageError.self) { try Image.grid([image], columns: 1, padding: -1) }
        #expect(throws: ImageError.self) { try Image.grid([image], columns: 1, padding: Int.max) }
        #expect(
            message { _ = try Image.grid([image, colours], columns: 2) }.contains("image 2 is RGB, the first is"))
        // Cells of 3 × 3: the one that is not as high stands at the top, the one that is not as wide on the left.
        let grid = try Image.grid([image, other], columns: 2, padding: 0)
        let (first, second) = (image.pixels, other.pixels)
        var wanted = Array(first[0..<3])
        wanted += second[0..<2] + [0]
        wanted += first[3..<6]
        wanted += second[2..<4] + [0]
        wanted += [0, 0, 0]
        wanted += second[4..<6] + [0]
        #expect(grid.width == 6 && grid.height == 3 && grid.pixels == wanted)
        #expect(try Image.grid([image], columns: Int.max, padding: 0).pixels == image.pixels)
    }

    @Test func extremeShapes() throws {
        let tall = try Image(zeros: 1, height: ImageLimits.side, mode: .rgb)
        let wide = try tall.resized(width: 1000, height: 1, filter: .lanczos)
        #expect(wide.width == 1000 && wide.height == 1)
        #expect(try wide.resized(width: 2, height: ImageLimits.side, filter: .bicubic).height == ImageLimits.side)
    }

    @Test func uniformImagesStayUniform() throws {
        for value in [UInt8(0), 1, 127, 254, 255] {
            let image = try Image(
                width: 37, height: 21, mode: .gray, pixels: [UInt8](repeating: value, count: 37 * 21))
            for filter in ResampleFilter.allCases {
                let resized = try image.resized(width: 50, height: 9, filter: filter)
                #expect(resized.pixels.allSatisfy { $0 == value }, "\(filter) of \(value)")
            }
        }
    }
}
