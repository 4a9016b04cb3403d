define internal void @body(ptr %p0, ptr %p1, i64 %tid, i64 %threads) alwaysinline {
entry:
  %v1 = add i64 %tid, 1
  %v2 = mul i64 2, %tid
  %v3 = sdiv i64 %v2, %threads
  %v4 = mul i64 2, %v1
  %v5 = sdiv i64 %v4, %threads
  br label %loop6.head
loop6.head:
  %loop6.i = phi i64 [ %v3, %entry ], [ %v46, %loop13.end ]
  %v7 = icmp slt i64 %loop6.i, %v5
  br i1 %v7, label %loop6.body, label %loop6.end
loop6.body:
  %v8 = add i64 %loop6.i, 1
  %v9 = mul i64 %loop6.i, 4
  %v10 = sdiv i64 %v9, 2
  %v11 = mul i64 %v8, 4
  %v12 = sdiv i64 %v11, 2
  br label %loop13.head
loop13.head:
  %loop13.i = phi i64 [ %v10, %loop6.body ], [ %v45, %loop19.end ]
  %v14 = icmp slt i64 %loop13.i, %v12
  br i1 %v14, label %loop13.body, label %loop13.end
loop13.body:
  %v15 = mul i64 %loop13.i, 40
  %v16 = getelementptr inbounds float, ptr %p0, i64 %v15
  %v17 = mul i64 %loop13.i, 40
  %v18 = getelementptr inbounds float, ptr %p1, i64 %v17
  br label %loop19.head
loop19.head:
  %loop19.i = phi i64 [ 0, %loop13.body ], [ %v40, %loop19.body ]
  %v20 = icmp slt i64 %loop19.i, 32
  br i1 %v20, label %loop19.body, label %loop19.end
loop19.body:
  %v21 = add i64 %loop19.i, 8
  %v22 = add i64 %loop19.i, 16
  %v23 = add i64 %loop19.i, 24
  %v24 = getelementptr inbounds float, ptr %v16, i64 %loop19.i
  %v25 = load <8 x float>, ptr %v24, align 4
  %v26 = fadd <8 x float> %v25, <float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000>
  %v27 = getelementptr inbounds float, ptr %v18, i64 %loop19.i
  store <8 x float> %v26, ptr %v27, align 4
  %v28 = getelementptr inbounds float, ptr %v16, i64 %v21
  %v29 = load <8 x float>, ptr %v28, align 4
  %v30 = fadd <8 x float> %v29, <float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000>
  %v31 = getelementptr inbounds float, ptr %v18, i64 %v21
  store <8 x float> %v30, ptr %v31, align 4
  %v32 = getelementptr inbounds float, ptr %v16, i64 %v22
  %v33 = load <8 x float>, ptr %v32, align 4
  %v34 = fadd <8 x float> %v33, <float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000>
  %v35 = getelementptr inbounds float, ptr %v18, i64 %v22
  store <8 x float> %v34, ptr %v35, align 4
  %v36 = getelementptr inbounds float, ptr %v16, i64 %v23
  %v37 = load <8 x float>, ptr %v36, align 4
  %v38 = fadd <8 x float> %v37, <float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000>
  %v39 = getelementptr inbounds float, ptr %v18, i64 %v23
  store <8 x float> %v38, ptr %v39, align 4
  %v40 = add i64 %loop19.i, 32
  br label %loop19.head
loop19.end:
  %v41 = getelementptr inbounds float, ptr %v16, i64 32
  %v42 = load <8 x float>, ptr %v41, align 4
  %v43 = fadd <8 x float> %v42, <float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000, float 0x3FF8000000000000>
  %v44 = getelementptr inbounds float, ptr %v18, i64 32
  store <8 x float> %v43, ptr %v44, align 4
  %v45 = add i64 %loop13.i, 1
  br label %loop13.head
loop13.end:
  %v46 = add i64 %loop6.i, 1
  br label %loop6.head
loop6.end:
  ret void
}

define void @nest(ptr %args, i64 %tid, i64 %threads) {
entry:
  %s0 = getelementptr inbounds ptr, ptr %args, i64 0
  %p0 = load ptr, ptr %s0, align 8
  %s1 = getelementptr inbounds ptr, ptr %args, i64 1
  %p1 = load ptr, ptr %s1, align 8
  call void @body(ptr %p0, ptr %p1, i64 %tid, i64 %threads)
  ret void
}

