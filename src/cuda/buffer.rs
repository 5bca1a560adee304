//! An array on the device.

use super::device::Device;
use crate::error::{Error, Result};
use crate::scalar;
use cudarc::driver::{CudaSlice, DevicePtrMut, DeviceRepr, ValidAsZeroBits, result};
use ndarray::{Array, ArrayD, ArrayView, Dimension, IxDyn};

/// A type of elements that a buffer can have.
pub trait Element: DeviceRepr + ValidAsZeroBits + Copy + Default + Send + Sync + 'static {
    /// The name of the type in the kernels.
    const TYPE: &'static str;
}

impl Element for u8 {
    const TYPE: &'static str = "u8";
}

impl Element for u32 {
    const TYPE: &'static str = "u32";
}

impl Element for f32 {
    const TYPE: &'static str = "f32";
}

impl Element for f64 {
    const TYPE: &'static str = "f64";
}

/// A working precision on the device.
pub trait Real: scalar::Real + Element {
    /// The bits of the number, in the lowest bits of the result.
    fn in_low_bits(self) -> u64;
}

macro_rules! real {
    ($($real:ty),*) => {$(
        impl Real for $real {
            fn in_low_bits(self) -> u64 {
                self.to_bits().into()
            }
        }
    )*};
}
real!(f32, f64);

/// An array in standard layout on a device.
#[derive(Debug)]
pub struct Buffer<T> {
    device: Device,
    shape: Vec<usize>,
    /// At least one element: there are no empty allocations.
    slice: CudaSlice<T>,
}

/// The bound on the number of elements, so that a kernel can count in 32 bits and step beyond the last element.
const MOST: usize = 1 << 31;

impl<T: Element> Buffer<T> {
    /// A buffer with undefined elements, which an operation will overwrite.
    ///
    /// # Errors
    /// [`Error::Device`] if there is not enough memory, or the shape has 2³¹ elements or more.
    pub fn unset(device: &Device, shape: &[usize]) -> Result<Self> {
        let mut buffer = Self::allocate(device, shape)?;
        if device.is_prefilled() {
            // All bits set are NaN in f32 and f64.
            buffer.fill_bytes(0xFF)?;
        }
        Ok(buffer)
    }

    /// A buffer of zeros.
    ///
    /// # Errors
    /// The errors of [`Buffer::unset`].
    pub fn zeros(device: &Device, shape: &[usize]) -> Result<Self> {
        let mut buffer = Self::allocate(device, shape)?;
        buffer.fill_bytes(0)?;
        Ok(buffer)
    }

    /// A copy of an array on the host.
    ///
    /// # Errors
    /// The errors of [`Buffer::unset`].
    pub fn from_host<D: Dimension>(device: &Device, array: ArrayView<'_, T, D>) -> Result<Self> {
        match array.as_slice() {
            Some(elements) => Self::from_slice(device, array.shape(), elements),
            None => Self::from_slice(device, array.shape(), &array.iter().copied().collect::<Vec<T>>()),
        }
    }

    /// A copy of the elements of an array in standard layout on the host.
    ///
    /// # Errors
    /// The errors of [`Buffer::unset`].
    ///
    /// # Panics
    /// If the number of elements is not that of the shape.
    pub fn from_slice(device: &Device, shape: &[usize], elements: &[T]) -> Result<Self> {
        let mut buffer = Self::allocate(device, shape)?;
        buffer.overwrite(elements)?;
        Ok(buffer)
    }

    /// Overwrites all elements from the host.
    ///
    /// # Errors
    /// [`Error::Device`] if the device fails.
    ///
    /// # Panics
    /// If `elements` does not have the buffer's length.
    pub fn overwrite(&mut self, elements: &[T]) -> Result<()> {
        assert_eq!(elements.len(), self.len(), "as many elements as the buffer has");
        if elements.is_empty() {
            return Ok(());
        }
        let copied = self.device.stream().memcpy_htod(elements, &mut self.slice);
        self.device.check("copy to the device", copied)
    }

    /// A copy on the host, after waiting for all operations that the device was given before.
    ///
    /// # Errors
    /// [`Error::Device`] if one of these operations or the copy failed.
    pub fn to_host(&self) -> Result<ArrayD<T>> {
        let elements = self.to_vec()?;
        Ok(Array::from_shape_vec(IxDyn(&self.shape), elements).expect("as many elements as the shape says"))
    }

    /// The elements of [`Buffer::to_host`].
    ///
    /// # Errors
    /// The errors of [`Buffer::to_host`].
    pub fn to_vec(&self) -> Result<Vec<T>> {
        let mut elements = vec![T::default(); self.slice.len()];
        self.device.check("copy to the host", self.device.stream().memcpy_dtoh(&self.slice, &mut elements))?;
        self.device.synchronize()?;
        elements.truncate(self.len());
        Ok(elements)
    }

    /// A copy on the device.
    ///
    /// # Errors
    /// The errors of [`Buffer::unset`].
    pub fn copy(&self) -> Result<Self> {
        let mut copy = Self::allocate(&self.device, &self.shape)?;
        let copied = self.device.stream().memcpy_dtod(&self.slice, &mut copy.slice);
        self.device.check("copy on the device", copied)?;
        Ok(copy)
    }

    /// The same elements in another shape.
    ///
    /// # Panics
    /// If the shape has another number of elements.
    pub fn reshaped(mut self, shape: &[usize]) -> Self {
        assert_eq!(shape.iter().product::<usize>(), self.len(), "as many elements as before");
        self.shape = shape.to_vec();
        self
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The shape.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn slice(&self) -> &CudaSlice<T> {
        &self.slice
    }

    pub(super) fn slice_mut(&mut self) -> &mut CudaSlice<T> {
        &mut self.slice
    }

    fn allocate(device: &Device, shape: &[usize]) -> Result<Self> {
        let elements = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size));
        let Some(elements) = elements.filter(|elements| *elements < MOST) else {
            return Err(Error::device(device.to_string(), "tensors of fewer than 2^31 elements", format!("{shape:?}")));
        };
        let elements = elements.max(1);
        // SAFETY: every pattern of bits is a valid element, so that memory which is read before it is written has
        // unspecified numbers, and nothing worse follows.
        let allocated = unsafe { device.stream().alloc(elements) };
        let slice = device.check_memory(elements * size_of::<T>(), allocated)?;
        Ok(Self { device: device.clone(), shape: shape.to_vec(), slice })
    }

    fn fill_bytes(&mut self, byte: u8) -> Result<()> {
        let stream = self.device.stream().clone();
        let bytes = self.slice.num_bytes();
        let (pointer, _) = self.slice.device_ptr_mut(&stream);
        // SAFETY: the slice has `bytes` bytes, and every pattern of bits is a valid element.
        let filled = unsafe { result::memset_d8_async(pointer, byte, bytes, stream.cu_stream()) };
        self.device.check("fill", filled)
    }
}
